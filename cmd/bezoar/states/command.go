package states

import (
	"flag"
	"fmt"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/cli"
)

// Command is bezoar states.
var Command = cli.Command{
	Name:    "states",
	Summary: "Write STATES.md and its picture from the machine, or check them.",
	Usage:   "[--check] [--out FILE] [--picture FILE]",
	About: `The page is made from the transition table, from running the machine, and from
the tables of failpoints; the picture, an SVG, from the first two. Both belong to the
source of this program, in whose folder this is to be run.
With --check nothing is written; the exit code is 1 if a file says something else.

Example: bezoar states --check`,
	Run: writeStates,
}

func writeStates(env cli.Environment, flags *flag.FlagSet, args []string) error {
	page := flags.String("out", "STATES.md", "the `file` with the page; - for the page alone, on standard output")
	picture := flags.String("picture", "cmd/bezoar/docs/states.svg", "the `file` with the picture; beside it is FILE-narrow.svg, for phones")
	check := flags.Bool("check", false, "compare, and write nothing")
	if err := cli.Parse(flags, args); err != nil {
		return err
	}
	files, err := Files(*page, *picture)
	if err != nil {
		return err
	}
	if *page == "-" && !*check {
		_, err := fmt.Fprint(env.Stdout, files[0].Text)
		return err
	}
	for _, each := range files {
		if *check {
			err = each.Compare()
		} else {
			err = each.Write()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Package states writes STATES.md and the pictures of cmd/bezoar/docs. It holds
// what only they and the tests of the promises need: the places at which a process may be killed,
// and the invariants.
package states

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/cli"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/diagram"
)

// Command is bezoar states.
var Command = cli.Command{
	Name:    "states",
	Summary: "Write STATES.md and its picture from the machine, or check them.",
	Usage:   "[--check] [--out FILE] [--picture FILE]",
	About: `The page comes from the transition table, from running the machine, and from the
tables of failpoints; the picture, an SVG, from the first two. Both belong to the
source of this program: run the command in its folder.
With --check it writes nothing; the exit code is 1 if a file says something else.

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
	files, err := makeFiles(*page, *picture)
	if err != nil {
		return err
	}
	if *page == "-" && !*check {
		_, err := fmt.Fprint(env.Stdout, files[0].text)
		return err
	}
	for _, each := range files {
		if *check {
			err = each.compare()
		} else {
			err = each.write()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// output is a file of the source that is made from the machine.
type output struct{ path, text string }

// makeFiles makes the page, the wide picture, and beside it the narrow one for phones.
// It returns an error if the table has a row that no sample leads into.
func makeFiles(pagePath, picturePath string) ([]output, error) {
	transitions, err := runTable()
	if err != nil {
		return nil, err
	}
	narrowPath := strings.TrimSuffix(picturePath, ".svg") + "-narrow.svg"
	return []output{
		{pagePath, page(transitions)},
		{picturePath, diagram.Picture(posting(transitions))},
		{narrowPath, diagram.NarrowPicture()},
	}, nil
}

func (o output) write() error { return os.WriteFile(o.path, []byte(o.text), 0o644) }

// compare returns an error if the file says something else, or cannot be read.
func (o output) compare() error {
	have, err := os.ReadFile(o.path)
	if err != nil {
		return err
	}
	if string(have) != o.text {
		return errors.New(o.path + " is not what the machine says; run \"bezoar states\"")
	}
	return nil
}

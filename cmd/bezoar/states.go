package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/diagram"
	"github.com/bezoar-auth/bezoar/machine/engine"
)

var statesCommand = command{
	name:    "states",
	summary: "Write STATES.md and its picture from the machine, or check them.",
	usage:   "[--check] [--out FILE] [--picture FILE]",
	about: `The page is made from the transition table, from running the machine, and from
the tables of failpoints; the picture, an SVG, from the first two. Both belong to the
source of this program, in whose folder this is to be run.
With --check nothing is written; the exit code is 1 if a file says something else.

Example: bezoar states --check`,
	run: states,
}

// leaf is a file that is made from the machine.
type leaf struct{ path, text string }

func states(env environment, flags *flag.FlagSet, args []string) error {
	page := flags.String("out", "STATES.md", "the `file` with the page; - for the page alone, on standard output")
	picture := flags.String("picture", "cmd/bezoar/docs/states.svg", "the `file` with the picture; beside it is FILE-narrow.svg, for phones")
	check := flags.Bool("check", false, "compare, and write nothing")
	if err := parse(flags, args); err != nil {
		return err
	}
	leaves, err := leavesOf(*page, *picture)
	if err != nil {
		return err
	}
	if *page == "-" && !*check {
		_, err := fmt.Fprint(env.stdout, leaves[0].text)
		return err
	}
	for _, each := range leaves {
		if *check {
			err = each.compare()
		} else {
			err = os.WriteFile(each.path, []byte(each.text), 0o644)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func leavesOf(page, picture string) ([]leaf, error) {
	text, err := diagram.Page(deaths())
	if err != nil {
		return nil, err
	}
	svg, err := diagram.Picture()
	if err != nil {
		return nil, err
	}
	narrow := strings.TrimSuffix(picture, ".svg") + "-narrow.svg"
	return []leaf{{page, text}, {picture, svg}, {narrow, diagram.NarrowPicture()}}, nil
}

func deaths() []diagram.Death {
	var rows []diagram.Death
	for _, each := range slices.Concat(engine.Failpoints(), engine.WordFailpoints()) {
		row := diagram.Death{Before: each.Step, When: each.When, Leaves: each.Leaves, Outcome: string(each.Outcome)}
		if each.Call != "" {
			row.Before += " – " + each.Call
		}
		rows = append(rows, row)
	}
	return rows
}

func (l leaf) compare() error {
	have, err := os.ReadFile(l.path)
	if err != nil {
		return err
	}
	if string(have) != l.text {
		return errors.New(l.path + " is not what the machine says; run \"bezoar states\"")
	}
	return nil
}

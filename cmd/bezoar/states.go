package main

import (
	"errors"
	"flag"
	"fmt"
	"os"

	"github.com/bezoar-auth/bezoar/machine/diagram"
	"github.com/bezoar-auth/bezoar/machine/engine"
)

var statesCommand = command{
	name:    "states",
	summary: "Write STATES.md from the machine, or check it.",
	usage:   "[--check] [--out FILE]",
	about: `The page is made from the transition table, from running the machine, and from
the table of failpoints.
With --check nothing is written; the exit code is 1 if the file says something else.

Example: bezoar states --check`,
	run: states,
}

func states(env environment, flags *flag.FlagSet, args []string) error {
	path := flags.String("out", "STATES.md", "the `file` to write or to check; - for standard output")
	check := flags.Bool("check", false, "compare, and write nothing")
	if err := parse(flags, args); err != nil {
		return err
	}
	page, err := diagram.Page(deaths())
	if err != nil {
		return err
	}
	switch {
	case *check:
		return compare(*path, page)
	case *path == "-":
		_, err = fmt.Fprint(env.stdout, page)
		return err
	}
	return os.WriteFile(*path, []byte(page), 0o644)
}

func deaths() []diagram.Death {
	var rows []diagram.Death
	for _, each := range engine.Failpoints() {
		row := diagram.Death{Before: each.Step, When: each.When, Leaves: each.Leaves, Outcome: string(each.Outcome)}
		if each.Call != "" {
			row.Before += " – " + each.Call
		}
		rows = append(rows, row)
	}
	return rows
}

func compare(path, page string) error {
	have, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if string(have) != page {
		return errors.New(path + " is not what the machine says; run \"bezoar states\"")
	}
	return nil
}

package main

import (
	"fmt"
	"io"
	"strings"
)

const tagline = "bezoar keeps an OAuth login usable, and never asks an issuer twice with a dead token."

// topics are pages of help that belong to no single command.
var topics = map[string]string{"exit-codes": exitCodesPage}

// helpOn is help on everything, on a topic or on a command.
func helpOn(env environment, args []string) error {
	if len(args) == 0 {
		help(env.stdout)
		return nil
	}
	if page, ok := topics[args[0]]; ok {
		_, err := fmt.Fprint(env.stdout, page)
		return err
	}
	if command, rest, ok := find(args); ok && len(rest) == 0 {
		command.help(env.stdout, command.flags())
		return nil
	}
	err := fmt.Errorf("%w: there is no help on %q", errUsage, strings.Join(args, " "))
	fmt.Fprintf(env.stderr, "bezoar: %v\n\n", err)
	help(env.stderr)
	return err
}

func help(out io.Writer) {
	fmt.Fprintf(out, "%s\n\nusage: bezoar COMMAND\n\n", tagline)
	for _, each := range commands() {
		fmt.Fprintf(out, "  %-32s %s\n", each.name, each.summary)
	}
	fmt.Fprint(out, "\n\"bezoar COMMAND --help\" says more; \"bezoar help exit-codes\" lists the exit codes.\n")
}

// Command bezoar keeps an OAuth login usable and hands out its token.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// version is what the program calls itself; a release build overwrites it.
var version = "0.1.0"

// environment is what a command sees of the process, so that a test can be one.
type environment struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	getenv         func(string) string
}

// command is what follows the program's name: one word, or two.
type command struct {
	name    string
	summary string
	usage   string // what follows the name
	about   string // the rest of the help, with an example
	run     func(env environment, flags *flag.FlagSet, args []string) error
}

// commands in the order in which help shows them.
func commands() []command {
	return []command{
		appServerCommand, jsonSchemaCommand, typeScriptCommand, // the longer names behind their beginning
		statesCommand, demoCommand, versionCommand,
	}
}

func main() {
	env := environment{os.Stdin, os.Stdout, os.Stderr, os.Getenv}
	os.Exit(run(env, os.Args[1:]))
}

// Exit codes of every command.
const (
	exitOK    = 0
	exitError = 1
	exitUsage = 2
)

// errUsage reports a command line that cannot be meant; it has been explained.
var errUsage = errors.New("usage")

func run(env environment, args []string) int {
	err := dispatch(env, args)
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return exitOK
	case errors.Is(err, errUsage):
		return exitUsage
	}
	fmt.Fprintf(env.stderr, "bezoar: %v\n", err)
	return exitError
}

func dispatch(env environment, args []string) error {
	if len(args) == 0 {
		help(env.stderr)
		return errUsage
	}
	switch args[0] {
	case "help", "-h", "-help", "--help":
		help(env.stdout)
		return nil
	case "--version", "-version":
		return versionCommand.start(env, nil)
	}
	if command, rest, ok := find(args); ok {
		return command.start(env, rest)
	}
	fmt.Fprintf(env.stderr, "bezoar: unknown command %q\n\n", args[0])
	help(env.stderr)
	return errUsage
}

// find takes the longest name: some commands are two words.
func find(args []string) (found command, rest []string, ok bool) {
	for _, each := range commands() {
		words := strings.Fields(each.name)
		if len(args) >= len(words) && slices.Equal(args[:len(words)], words) {
			found, rest, ok = each, args[len(words):], true
		}
	}
	return found, rest, ok
}

func (c command) start(env environment, args []string) error {
	flags := flag.NewFlagSet(c.name, flag.ContinueOnError)
	flags.SetOutput(io.Discard) // help is printed once, where it belongs
	err := c.run(env, flags, args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		c.help(env.stdout, flags)
	case errors.Is(err, errUsage):
		fmt.Fprintf(env.stderr, "bezoar %s: %v\n\n", c.name, err)
		c.help(env.stderr, flags)
	}
	return err
}

// parse reads the flags of a command that takes no other arguments.
func parse(flags *flag.FlagSet, args []string) error {
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return err
		}
		return fmt.Errorf("%w: %w", errUsage, err)
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("%w: unexpected argument %q", errUsage, flags.Arg(0))
	}
	return nil
}

func (c command) help(out io.Writer, flags *flag.FlagSet) {
	fmt.Fprintf(out, "%s\n\nusage: bezoar %s\n\n%s\n", c.summary, strings.TrimSpace(c.name+" "+c.usage), c.about)
	any := false
	flags.VisitAll(func(*flag.Flag) { any = true })
	if any {
		fmt.Fprintln(out, "\nflags:")
		flags.SetOutput(out)
		flags.PrintDefaults()
	}
}

func help(out io.Writer) {
	fmt.Fprint(out, "bezoar keeps an OAuth login usable, and never asks an issuer twice with a dead token.\n\nusage: bezoar COMMAND\n\n")
	for _, each := range commands() {
		fmt.Fprintf(out, "  %-32s %s\n", each.name, each.summary)
	}
	fmt.Fprint(out, "\n\"bezoar COMMAND --help\" says more.\n")
}

var versionCommand = command{
	name:    "version",
	summary: "Print the version.",
	about:   "Example: bezoar version",
	run: func(env environment, flags *flag.FlagSet, args []string) error {
		if err := parse(flags, args); err != nil {
			return err
		}
		_, err := fmt.Fprintln(env.stdout, "bezoar", version)
		return err
	},
}

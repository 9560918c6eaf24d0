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
	"time"

	_ "github.com/bezoar-auth/bezoar/cmd/bezoar/processor"
)

// environment is what a command sees of the process, so that a test can be one.
type environment struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	getenv         func(string) string
	now            func() time.Time
	log            *logQueue // to stderr
}

// command is what follows the program's name: one word, or two.
type command struct {
	name    string
	summary string
	usage   string   // what follows the name
	about   string   // the rest of the help, with an example
	words   []string // what may follow besides flags, for a shell to complete
	run     func(env environment, flags *flag.FlagSet, args []string) error
}

// commands in the order in which help shows them: the map of this program.
func commands() []command {
	return []command{
		loginCommand, logoutCommand, statusCommand, tokenCommand,
		whyCommand, logCommand, doctorCommand, inspectCommand,
		appServerCommand, jsonSchemaCommand, typeScriptCommand, // the longer names behind their beginning
		demoCommand, demoIssuerCommand, statesCommand, versionCommand, completionCommand(), manCommand(),
	}
}

func main() {
	keepMemoryPrivate()
	env := environment{os.Stdin, os.Stdout, os.Stderr, os.Getenv, time.Now, newLogQueue(os.Stderr)}
	os.Exit(run(env, os.Args[1:]))
}

func run(env environment, args []string) int {
	err := dispatch(env, args)
	env.log.drain(logDrainLimit) // before the last word
	if err == nil || errors.Is(err, flag.ErrHelp) {
		return exitOK
	}
	if errors.Is(err, errCancelled) {
		fmt.Fprintln(env.stderr, "Cancelled. Nothing has changed.") // the person knows who says it
		return codeFor(err)
	}
	usage, _ := errors.AsType[usageError](err)
	for _, each := range eachOf(err) {
		fmt.Fprintf(env.stderr, "%s: %s\n", strings.TrimSpace("bezoar "+usage.command), printable(each.Error()))
	}
	return codeFor(err)
}

// eachOf are the errors of which err is made, if it is only these ([errors.Join]).
func eachOf(err error) []error {
	joined, ok := err.(interface{ Unwrap() []error })
	if err.Error() == "" {
		return nil // all has been said
	}
	if !ok || errors.Join(joined.Unwrap()...).Error() != err.Error() {
		return []error{err}
	}
	var all []error
	for _, each := range joined.Unwrap() {
		all = append(all, eachOf(each)...)
	}
	return all
}

func dispatch(env environment, args []string) error {
	if len(args) == 0 {
		help(env.stderr)
		return &exit{exitUsage, nil}
	}
	global, args, err := cutGlobal(args)
	if err != nil {
		return err
	}
	switch {
	case len(args) == 0:
		return misuse("no command follows the flags (bezoar help lists the commands)")
	case args[0] == "help":
		return helpOn(env, args[1:])
	}
	command, rest, ok := find(args)
	if !ok {
		return unknownCommand(args[0])
	}
	return command.start(env, slices.Concat(global, rest))
}

// cutGlobal cuts off the flags that stand before a command: those that every
// command on a home takes, which reads them as if they followed it.
func cutGlobal(args []string) (global, rest []string, err error) {
	if args[0] == "--version" || args[0] == "-version" {
		return nil, []string{"version"}, nil
	}
	flags := globalFlags()
	new(codexFlags).register(flags) // clients of codex pass some of them there; a command that has none of them says so
	err = flags.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return nil, []string{"help"}, nil
	case err != nil:
		return nil, nil, misuse("%v (bezoar help lists the commands)", misparsed(flags, args, err))
	}
	rest = flags.Args()
	return args[:len(args)-len(rest)], rest, nil
}

// find takes the longest name: some commands are two words.
func find(args []string) (found command, rest []string, ok bool) {
	for _, each := range append(commands(), refreshCommand) {
		words := strings.Fields(each.name)
		if len(args) >= len(words) && slices.Equal(args[:len(words)], words) {
			found, rest, ok = each, args[len(words):], true
		}
	}
	return found, rest, ok
}

// newFlags is a set of flags that prints nothing: help is printed once, where it
// belongs, and an error in one line.
func newFlags(name string) *flag.FlagSet {
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	return flags
}

func (c command) start(env environment, args []string) error {
	flags := newFlags("bezoar " + c.name)
	err := c.run(env, flags, args)
	if errors.Is(err, flag.ErrHelp) {
		return c.help(env.stdout, flags)
	}
	if problem, ok := errors.AsType[usageError](err); ok {
		return problem.of(c)
	}
	return err
}

// parse reads the flags of a command that takes no other arguments.
func parse(flags *flag.FlagSet, args []string) error {
	rest, err := parseWords(flags, args)
	if err == nil && len(rest) > 0 {
		err = misuse("unexpected argument %q", rest[0])
	}
	return err
}

// parseWords reads the flags of a command and returns what follows them.
func parseWords(flags *flag.FlagSet, args []string) (rest []string, err error) {
	if err := flags.Parse(args); err != nil {
		return nil, misparsed(flags, args, err)
	}
	return flags.Args(), nil
}

// flags are those that the command takes. It defines them when it runs, and
// goes no further than that if it is asked for help.
func (c command) flags() *flag.FlagSet {
	flags := newFlags(c.name)
	c.run(environment{}, flags, []string{"--help"})
	return flags
}

package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// environment is what a command sees of the process, so that a test can be one.
type environment struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	getenv         func(string) string
	now            func() time.Time
	log            *logQueue // to stderr

	version  string // what the program calls itself
	revision string // the commit that a release was built from, "" if the build itself has to say
}

// command is what follows the program's name: one word, or two.
type command struct {
	name    string
	summary string
	usage   string                    // what follows the name
	about   string                    // the rest of the help, with an example
	words   []string                  // what may follow besides flags, for a shell to complete
	values  map[string][]string       // of flags that take one of a few words
	early   func(flags *flag.FlagSet) // flags of its own that may stand before its name, nil for none
	hidden  bool                      // in no list: people have no use for it
	run     func(env environment, flags *flag.FlagSet, args []string) error
}

// commandList are the commands of a program, in the order in which help shows them. It
// is a function, for some commands print the list that they are in.
type commandList func() []command

// shown are the commands that help and completion know.
func (l commandList) shown() []command {
	return slices.DeleteFunc(l(), func(c command) bool { return c.hidden })
}

// run runs the command that args name, and returns the exit code.
func (l commandList) run(env environment, args []string) int {
	err := l.dispatch(env, args)
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

func (l commandList) dispatch(env environment, args []string) error {
	if len(args) == 0 {
		l.help(env.stderr)
		return &exit{exitUsage, nil}
	}
	global, args, err := l.cutGlobal(args)
	if err != nil {
		return err
	}
	switch {
	case len(args) == 0:
		return misuse("no command follows the flags (bezoar help lists the commands)")
	case args[0] == "help":
		return l.helpOn(env, args[1:])
	}
	command, rest, ok := l.find(args)
	if !ok {
		return l.unknown(args[0])
	}
	return command.start(env, slices.Concat(global, rest))
}

// cutGlobal cuts off the flags that stand before a command: those that every
// command on a home takes, which reads them as if they followed it.
func (l commandList) cutGlobal(args []string) (global, rest []string, err error) {
	if args[0] == "--version" || args[0] == "-version" {
		return nil, []string{"version"}, nil
	}
	flags := globalFlags()
	for _, each := range l() { // a command that has none of these flags says so
		if each.early != nil {
			each.early(flags)
		}
	}
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
func (l commandList) find(args []string) (found command, rest []string, ok bool) {
	for _, each := range l() {
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
		return c.help(env.stdout)
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

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

	"github.com/bezoar-auth/bezoar/cmd/bezoar/config"
	_ "github.com/bezoar-auth/bezoar/cmd/bezoar/processor"
)

// environment is what a command sees of the process, so that a test can be one.
type environment struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	getenv         func(string) string
	now            func() time.Time
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
	env := environment{os.Stdin, os.Stdout, os.Stderr, os.Getenv, time.Now}
	os.Exit(run(env, os.Args[1:]))
}

func run(env environment, args []string) int {
	err := dispatch(env, args)
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return exitOK
	case errors.Is(err, errUsage):
		return exitUsage
	}
	code := exitError
	if setting, ok := errors.AsType[*config.SettingError](err); ok && setting.IsFlag() {
		code = exitUsage
	}
	if ended, ok := errors.AsType[*exit](err); ok {
		code = ended.code
	}
	if text := err.Error(); text != "" {
		fmt.Fprintf(env.stderr, "bezoar: %s\n", text)
	}
	return code
}

func dispatch(env environment, args []string) error {
	if len(args) == 0 {
		help(env.stderr)
		return errUsage
	}
	switch args[0] {
	case "help", "-h", "-help", "--help":
		return helpOn(env, args[1:])
	case "--version", "-version":
		return versionCommand.start(env, nil)
	}
	if command, rest, ok := find(args); ok {
		return command.start(env, rest)
	}
	problem := fmt.Sprintf("unknown command %q", args[0])
	if strings.HasPrefix(args[0], "-") {
		problem = "no command: flags follow it, as in bezoar status --json"
	}
	fmt.Fprintf(env.stderr, "bezoar: %s\n\n", problem)
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
	rest, err := parseWords(flags, args)
	if err == nil && len(rest) > 0 {
		err = fmt.Errorf("%w: unexpected argument %q", errUsage, rest[0])
	}
	return err
}

// parseWords reads the flags of a command and returns what follows them.
func parseWords(flags *flag.FlagSet, args []string) (rest []string, err error) {
	err = flags.Parse(args)
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		err = fmt.Errorf("%w: %w", errUsage, err)
	}
	return flags.Args(), err
}

// flags are those that the command takes. It defines them when it runs, and
// goes no further than that if it is asked for help.
func (c command) flags() *flag.FlagSet {
	flags := flag.NewFlagSet(c.name, flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	c.run(environment{}, flags, []string{"--help"})
	return flags
}

func (c command) help(out io.Writer, flags *flag.FlagSet) {
	fmt.Fprintf(out, "%s\n\nusage: bezoar %s\n\n%s\n", c.summary, strings.TrimSpace(c.name+" "+c.usage), c.about)
	if options := optionsOf(flags); len(options) > 0 {
		fmt.Fprintln(out, "\nflags:")
		for _, each := range options {
			fmt.Fprintf(out, "  %-22s %s\n", strings.TrimSpace(each.word+" "+each.value), each.meaning)
		}
	}
}

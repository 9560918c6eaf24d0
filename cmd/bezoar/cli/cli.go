// Package cli is the command line that all commands share: the table of commands, flags,
// help and its topics, completion, exit codes, and what is printed.
package cli

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/config"
)

// Environment is what a command sees of the process. A test can provide another.
type Environment struct {
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	Getenv         func(string) string
	Now            func() time.Time
	Log            *logQueue // to stderr

	Version  string // what the program calls itself
	Revision string // the commit that a release was built from, "" if the build itself has to say
}

// Command is one command of the program. Its name is one word, or two.
type Command struct {
	Name    string
	Summary string
	Usage   string                    // what follows the name
	About   string                    // the rest of the help, with an example
	Words   []string                  // what may follow besides flags, for a shell to complete
	Folder  bool                      // a folder follows, before or between flags
	Account bool                      // the name of an account follows
	Named   bool                      // a name that the user has given follows, as a folder does
	Values  map[string][]string       // of flags that take one of a few words
	Early   func(flags *flag.FlagSet) // defines flags of its own that may stand before its name, nil for none
	Hidden  bool                      // help does not list it: users have no use for it
	Run     func(env Environment, flags *flag.FlagSet, args []string) error
}

// Commands are the commands of a program, in the order in which help shows them. It
// is a function, for some commands print the list that they are in.
type Commands func() []Command

// Shown are the commands that help and completion know.
func (l Commands) Shown() []Command {
	return slices.DeleteFunc(l(), func(c Command) bool { return c.Hidden })
}

// Run runs the command that args name, and returns the exit code.
func (l Commands) Run(env Environment, args []string) int {
	err := l.dispatch(env, args)
	env.Log.drain(logDrainLimit) // logs come before the error
	if err == nil || errors.Is(err, flag.ErrHelp) {
		return ExitOK
	}
	if errors.Is(err, ErrCancelled) {
		fmt.Fprintln(env.Stderr, "Cancelled. Nothing has changed.") // without the name of the program: the user knows what was cancelled
		return CodeFor(err)
	}
	usage, _ := errors.AsType[usageError](err)
	for _, each := range joinedErrors(err) {
		fmt.Fprintf(env.Stderr, "%s: %s\n", strings.TrimSpace("bezoar "+usage.command), asClause(each))
	}
	return CodeFor(err)
}

// joinedErrors are the errors that [errors.Join] has joined in err, or err itself.
func joinedErrors(err error) []error {
	joined, ok := err.(interface{ Unwrap() []error })
	if err.Error() == "" {
		return nil // the command has printed it
	}
	if !ok || errors.Join(joined.Unwrap()...).Error() != err.Error() {
		return []error{err}
	}
	var all []error
	for _, each := range joined.Unwrap() {
		all = append(all, joinedErrors(each)...)
	}
	return all
}

func (l Commands) dispatch(env Environment, args []string) error {
	if len(args) == 0 {
		l.help(env.Stderr)
		return &exit{ExitUsage, nil}
	}
	global, args, err := l.cutGlobal(args)
	if err != nil {
		return err
	}
	switch {
	case len(args) == 0:
		return Misuse("no command follows the flags (bezoar help lists the commands)")
	case args[0] == "help":
		return l.helpOn(env, args[1:])
	}
	command, rest, ok := l.Find(args)
	if !ok {
		return l.unknown(args[0])
	}
	return command.start(env, slices.Concat(global, rest))
}

// cutGlobal cuts off the flags that stand before a command. The command reads them as if
// they followed its name.
func (l Commands) cutGlobal(args []string) (global, rest []string, err error) {
	if args[0] == "--version" || args[0] == "-version" {
		return nil, []string{"version"}, nil
	}
	flags := globalFlags()
	for _, each := range l() { // a command without these flags refuses them
		if each.Early != nil {
			each.Early(flags)
		}
	}
	err = flags.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return nil, []string{"help"}, nil
	case err != nil:
		return nil, nil, Misuse("%v (bezoar help lists the commands)", misparsed(flags, args, err))
	}
	rest = flags.Args()
	return args[:len(args)-len(rest)], rest, nil
}

// Find finds the command that args begin with, the longest name first.
func (l Commands) Find(args []string) (found Command, rest []string, ok bool) {
	for _, each := range l() {
		words := strings.Fields(each.Name)
		if len(args) >= len(words) && slices.Equal(args[:len(words)], words) {
			found, rest, ok = each, args[len(words):], true
		}
	}
	return found, rest, ok
}

// NewFlags is a set of flags that prints nothing: this package prints help and errors.
func NewFlags(name string) *flag.FlagSet {
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	return flags
}

func (c Command) start(env Environment, args []string) error {
	flags := NewFlags("bezoar " + c.Name)
	err := c.Run(env, flags, args)
	if errors.Is(err, flag.ErrHelp) {
		return c.help(env.Stdout)
	}
	if problem, ok := errors.AsType[usageError](err); ok {
		return problem.of(c)
	}
	if err == nil {
		return nil
	}
	if problem, ok := ofSetting(err); ok {
		return problem.of(c)
	}
	if unknown, ok := errors.AsType[*config.UnknownAccountError](err); ok {
		return Misuse("%v%s", unknown, didYouMean(unknown.Name, unknown.Known))
	}
	return err
}

// Parse reads the flags of a command that takes no other arguments.
func Parse(flags *flag.FlagSet, args []string) error {
	rest, err := ParseWords(flags, args)
	if err == nil && len(rest) > 0 {
		err = Misuse("unexpected argument %q", rest[0])
	}
	return err
}

// ParseName reads the flags of a command that takes one name, before and behind it. misuse is
// the error where there is none.
func ParseName(flags *flag.FlagSet, args []string, misuse string) (name string, err error) {
	rest, err := ParseWords(flags, args)
	if err != nil {
		return "", err
	}
	if len(rest) == 0 {
		return "", Misuse("%s", misuse)
	}
	return rest[0], Parse(flags, rest[1:])
}

// ParseWords reads the flags of a command and returns what follows them.
func ParseWords(flags *flag.FlagSet, args []string) (rest []string, err error) {
	if err := flags.Parse(args); err != nil {
		return nil, misparsed(flags, args, err)
	}
	return flags.Args(), nil
}

// Flags are the flags of the command. A command defines them when it runs, and with
// --help it does nothing else.
func (c Command) Flags() *flag.FlagSet {
	flags := NewFlags(c.Name)
	c.Run(Environment{}, flags, []string{"--help"})
	return flags
}

package server

import (
	"flag"
	"slices"
	"strings"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/backend"
)

// shared are the flags that concern this program and the backend.
var shared = []string{"c", "config", "enable", "disable", "strict-config", "analytics-default-enabled", "startup-client-info"}

// forServer is how the names of flags begin that concern where the server listens, also
// those that this program does not know: the backend serves this program alone.
const forServer = "ws-"

// division is a command line with a backend, divided between this program and the
// backend.
type division struct {
	ours     []string // what this program's flags are read from
	handedOn []string // what the backend gets besides its own words
	words    []string // behind "--": the words of the backend
}

// divide divides args. Flags that this program does not know are for the backend, with
// the word that follows if it is no flag: neither takes any other words.
func divide(flags *flag.FlagSet, args []string) (d division) {
	for len(args) > 0 && args[0] != "--" {
		name, _, hasValue := strings.Cut(strings.TrimLeft(args[0], "-"), "=")
		isFlag := len(args[0]) > 1 && args[0][0] == '-'
		known := flags.Lookup(name)
		taken := 1
		switch {
		case !isFlag: // an error, which the reading of the flags reports
			d.ours = append(d.ours, args[0])
		case known == nil && isShortConfig(args[0]):
			d.ours = append(d.ours, "-c", args[0][2:])
			d.handedOn = append(d.handedOn, args[0])
		case known == nil && isHelp(name), known == nil && strings.HasPrefix(name, forServer):
			d.ours = append(d.ours, args[0])
		case known == nil:
			if !hasValue && len(args) > 1 && !strings.HasPrefix(args[1], "-") {
				taken = 2
			}
			d.handedOn = append(d.handedOn, args[:taken]...)
		default:
			if !hasValue && !isSwitch(known) && len(args) > 1 {
				taken = 2
			}
			d.ours = append(d.ours, args[:taken]...)
			if slices.Contains(shared, name) {
				d.handedOn = append(d.handedOn, args[:taken]...)
			}
		}
		args = args[taken:]
	}
	if len(args) > 0 {
		d.words = args[1:]
	}
	return d
}

// isShortConfig reports whether a word is -c with its value in the same word, as Codex
// reads it.
func isShortConfig(word string) bool { return strings.HasPrefix(word, "-c") && len(word) > 2 }

func isHelp(name string) bool { return name == "h" || name == "help" }

// isSwitch reports whether a flag takes no value.
func isSwitch(f *flag.Flag) bool {
	b, ok := f.Value.(interface{ IsBoolFlag() bool })
	return ok && b.IsBoolFlag()
}

// namesBackend reports whether a command line, or the environment, names a backend.
func namesBackend(args []string, getenv func(string) string) bool {
	for _, word := range args {
		name, _, _ := strings.Cut(strings.TrimLeft(word, "-"), "=")
		switch {
		case word == "--", strings.HasPrefix(word, "-") && name == "backend":
			return true
		case isHelp(name):
			return false // there is no environment when help is made
		}
	}
	return getenv(backend.Variable) != ""
}

package cli

import (
	"errors"
	"flag"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/config"
)

// usageError reports a command line that is not valid, in a few words.
type usageError struct {
	command string // "" if it is not known which one is meant
	problem string
}

func (e usageError) Error() string { return e.problem }

// Misuse is an error in the command line, for the exit code 2. It should not repeat a
// value, which may be a secret.
func Misuse(format string, args ...any) error {
	return usageError{problem: fmt.Sprintf(format, args...)}
}

// of is the error of a command, which has more help.
func (e usageError) of(c Command) error {
	return usageError{c.Name, fmt.Sprintf("%s (bezoar %s --help)", e.problem, c.Name)}
}

// misparsed says what is wrong with args, which flags did not parse, in the way
// in which flags are written and without a value: it may be a secret.
func misparsed(flags *flag.FlagSet, args []string, err error) error {
	if errors.Is(err, flag.ErrHelp) {
		return err
	}
	for i := 0; i < len(args) && strings.HasPrefix(args[i], "-") && args[i] != "--"; i++ {
		name, value, hasValue := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(args[i], "-"), "-"), "=")
		found := flags.Lookup(name)
		if found == nil {
			return Misuse("unknown flag %s%s", dashed(name), didYouMean(dashed(name), flagNames(flags)))
		}
		takes, _ := flag.UnquoteUsage(found)
		switch {
		case isSwitch(found):
			if _, err := strconv.ParseBool(value); hasValue && err != nil {
				return Misuse("%s takes no value", dashed(name))
			}
			continue
		case !hasValue && i == len(args)-1:
			return Misuse("%s needs a value (%s)", dashed(name), takes)
		case !hasValue:
			i++
			value = args[i]
		}
		if found.Value.Set(value) != nil {
			return Misuse("%s takes %s", dashed(name), kindOf(found))
		}
	}
	return Misuse("%v", err)
}

// kindOf are the words for what a flag takes.
func kindOf(f *flag.Flag) string {
	if typed, ok := f.Value.(flag.Getter); ok {
		switch typed.Get().(type) {
		case int, uint:
			return "a number"
		case time.Duration:
			return "a time such as 5m"
		}
	}
	takes, _ := flag.UnquoteUsage(f)
	return "another value (" + takes + ")"
}

// ofSetting is the error of a flag whose value the configuration refused, if err is one
// alone.
func ofSetting(err error) (usageError, bool) {
	all := joinedErrors(err)
	if len(all) != 1 {
		return usageError{}, false
	}
	setting, ok := errors.AsType[*config.SettingError](all[0])
	if !ok || !setting.IsFlag() {
		return usageError{}, false
	}
	problem := setting.Error()
	if want, ok := strings.CutPrefix(setting.Err.Error(), "want "); ok {
		problem = setting.Name + " takes " + want
	}
	return usageError{problem: problem}, true
}

// isSwitch reports whether a flag is on or off, and takes no value.
func isSwitch(f *flag.Flag) bool {
	of, ok := f.Value.(interface{ IsBoolFlag() bool })
	return ok && of.IsBoolFlag()
}

func flagNames(flags *flag.FlagSet) []string {
	names := []string{"--help", "--version"}
	flags.VisitAll(func(f *flag.Flag) { names = append(names, dashed(f.Name)) })
	return names
}

func (l Commands) unknown(word string) error {
	names := []string{"help"}
	for _, each := range l.Shown() {
		names = append(names, each.Name)
	}
	return Misuse("unknown command %q%s (bezoar help lists the commands)", word, didYouMean(word, names))
}

// didYouMean is a hint at the word that is nearest to the one that was typed, ""
// if none is near.
func didYouMean(typed string, words []string) string {
	best, least := "", min(3, 1+max(1, len(typed)/3)) // two slips, one in a short word; with more it is another word
	for _, word := range words {
		if slips := distance(typed, word); slips < least {
			best, least = word, slips
		}
	}
	if best == "" {
		return ""
	}
	return "; did you mean " + best + "?"
}

// distance is how many letters have to be put in, left out, changed or exchanged
// with their neighbour to make b of a (optimal string alignment).
func distance(a, b string) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		for j := range rows[i] {
			switch {
			case i == 0 || j == 0:
				rows[i][j] = i + j
			case a[i-1] == b[j-1]:
				rows[i][j] = rows[i-1][j-1]
			default:
				rows[i][j] = 1 + min(rows[i-1][j], rows[i][j-1], rows[i-1][j-1])
			}
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(a)][len(b)]
}

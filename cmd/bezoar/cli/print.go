package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"strings"
	"time"
	"unicode"

	"golang.org/x/term"

	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/protocol"
	"github.com/bezoar-auth/bezoar/protocol/legible"
)

// JSONFlag is the flag of every command that prints a result.
func JSONFlag(flags *flag.FlagSet) *bool { return flags.Bool("json", false, "print JSON") }

// PrintJSON writes a value as indented JSON.
func PrintJSON(out io.Writer, value any) error {
	return encode(out, value, "  ")
}

// PrintJSONLine is PrintJSON without line breaks, for one object of several.
func PrintJSONLine(out io.Writer, value any) error {
	return encode(out, value, "")
}

func encode(out io.Writer, value any, indent string) error {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", indent)
	if err := encoder.Encode(value); err != nil {
		return err
	}
	_, err := out.Write(legible.JSON(text.Bytes()))
	return err
}

// IsTerminal reports whether the stream is a terminal.
func IsTerminal(stream any) bool {
	file, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// Paint colours words on a terminal that has colours, unless the user does not want
// them (https://no-color.org).
type Paint bool

// PaintFor is the paint for a stream.
func PaintFor(out io.Writer, getenv func(string) string) Paint {
	return Paint(getenv("NO_COLOR") == "" && CanDraw(out, getenv))
}

// CanDraw reports whether the stream is a terminal that obeys control sequences.
func CanDraw(out io.Writer, getenv func(string) string) bool {
	file, ok := out.(*os.File)
	return ok && IsTerminal(file) && getenv("TERM") != "dumb" && obeysSequences(file, getenv)
}

// The colours, as a terminal has them (ECMA-48, SGR).
const (
	Bold   = "1"
	Red    = "1;31"
	Green  = "32"
	Yellow = "33"
)

// In is the text in a colour.
func (p Paint) In(colour, text string) string {
	if !p || colour == "" {
		return text
	}
	return "\x1b[" + colour + "m" + text + "\x1b[0m"
}

// DayTime is a time for users, without the date if that is today's.
func DayTime(at, now time.Time) string { return onDay(at, now, "15:04") }

// NearTime is DayTime, with seconds if the time is less than two minutes away.
func NearTime(at, now time.Time) string {
	if at.Sub(now).Abs() < 2*time.Minute {
		return ExactTime(at, now)
	}
	return DayTime(at, now)
}

// ExactTime is DayTime with seconds.
func ExactTime(at, now time.Time) string { return onDay(at, now, time.TimeOnly) }

func onDay(at, now time.Time, layout string) string {
	at = at.In(now.Location())
	if at.Format(time.DateOnly) != now.Format(time.DateOnly) {
		layout = time.DateOnly + " " + layout
	}
	return at.Format(layout)
}

// Stamp is a time that JSON has as [protocol.Timestamp] does.
type Stamp struct{ time.Time }

// MarshalJSON implements [json.Marshaler].
func (s Stamp) MarshalJSON() ([]byte, error) { return json.Marshal(protocol.Timestamp(s.Time)) }

// Amount is a number of things.
func Amount(n int, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return fmt.Sprintf("%d %s", n, thing)
}

// IsOrAre is the verb for a number of things.
func IsOrAre(n int) string {
	if n == 1 {
		return "is"
	}
	return "are"
}

// LogLine prints a note on standard error.
func LogLine(env Environment, text string) { fmt.Fprintln(env.Stderr, "bezoar: "+legible.Line(text)) }

// LogNoBrowser says that no browser opened an address which the user has seen.
func LogNoBrowser(env Environment, err error) {
	LogLine(env, "no browser opened it ("+err.Error()+"): open the address yourself")
}

// asClause is an error as one line. Windows ends its errors with a full stop, also those that
// a sentence goes on behind.
func asClause(err error) string {
	return strings.ReplaceAll(legible.Line(err.Error()), ".; ", "; ")
}

// WithoutPath is the error of a file system without its path.
func WithoutPath(err error) error {
	if of, ok := errors.AsType[*fs.PathError](err); ok {
		return of.Err
	}
	return err
}

// WithoutPrefix is an error of a store without the words "the store is unavailable".
func WithoutPrefix(err error) error {
	if of, ok := errors.AsType[*persist.UnavailableError](err); ok {
		return of.Err
	}
	return err
}

// ShellWord is text as one word of the shell that people have on this system, in quotes
// where it needs them. On Windows that is PowerShell and cmd.exe, which both know double
// quotes.
func ShellWord(text string) string {
	plain := func(r rune) bool {
		return unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune(plainInShell, r)
	}
	if text != "" && strings.IndexFunc(text, func(r rune) bool { return !plain(r) }) < 0 {
		return text
	}
	if runtime.GOOS == "windows" {
		return `"` + text + `"`
	}
	return Quoted(text)
}

// Quoted is text as one word of a POSIX shell, in quotes.
func Quoted(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

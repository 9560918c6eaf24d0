package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/term"

	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/protocol/legible"
)

// jsonFlag is the flag of every command that has something to tell.
func jsonFlag(flags *flag.FlagSet) *bool { return flags.Bool("json", false, "print JSON") }

func printJSON(out io.Writer, value any) error {
	return encode(out, value, "  ")
}

// printJSONLine is printJSON for one object of several, each on a line.
func printJSONLine(out io.Writer, value any) error {
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
	_, err := out.Write(escaped(text.Bytes()))
	return err
}

// escaped is JSON without what a terminal would obey or hide: encoding/json lets
// DEL, C1 controls, bidirectional marks and zero-width characters through.
func escaped(text []byte) []byte {
	safe := make([]byte, 0, len(text))
	for _, r := range string(text) {
		switch {
		case r < unicode.MaxASCII || unicode.IsPrint(r): // encoding/json has escaped what is below a space
			safe = utf8.AppendRune(safe, r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			safe = fmt.Appendf(safe, `\u%04x\u%04x`, high, low)
		default:
			safe = fmt.Appendf(safe, `\u%04x`, r)
		}
	}
	return safe
}

// isTerminal reports whether a person sees what is written there, or types what
// is read from there.
func isTerminal(stream any) bool {
	file, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// paint colours words on a terminal that can show it, unless the person does
// not want it (https://no-color.org).
type paint bool

func paintFor(out io.Writer, getenv func(string) string) paint {
	return paint(getenv("NO_COLOR") == "" && canDraw(out, getenv))
}

// canDraw reports whether it is a terminal that knows more than letters.
func canDraw(out io.Writer, getenv func(string) string) bool {
	term := getenv("TERM")
	return term != "" && term != "dumb" && isTerminal(out)
}

// The colours, as a terminal has them (ECMA-48, SGR).
const (
	bold   = "1"
	red    = "1;31"
	green  = "32"
	yellow = "33"
)

func (p paint) in(colour, text string) string {
	if !p || colour == "" {
		return text
	}
	return "\x1b[" + colour + "m" + text + "\x1b[0m"
}

// printable is a text that came from a file or from outside, as a terminal may show it.
func printable(text string) string { return legible.Line(text) }

// dayTime is a time for people: without the day if that is today's.
func dayTime(at, now time.Time) string { return onDay(at, now, "15:04") }

// nearTime is dayTime, to the second if that is what matters.
func nearTime(at, now time.Time) string {
	if at.Sub(now).Abs() < 2*time.Minute {
		return exactTime(at, now)
	}
	return dayTime(at, now)
}

// exactTime is dayTime to the second.
func exactTime(at, now time.Time) string { return onDay(at, now, time.TimeOnly) }

func onDay(at, now time.Time, layout string) string {
	at = at.In(now.Location())
	if at.Format(time.DateOnly) != now.Format(time.DateOnly) {
		layout = time.DateOnly + " " + layout
	}
	return at.Format(layout)
}

// timestamp is a time as RFC 3339 has it, nil for none.
func timestamp(at time.Time) *string {
	if at.IsZero() {
		return nil
	}
	text := at.UTC().Format(time.RFC3339)
	return &text
}

// stamp is a time that is told as [timestamp] has it.
type stamp struct{ time.Time }

func (s stamp) MarshalJSON() ([]byte, error) { return json.Marshal(timestamp(s.Time)) }

// nullable is a text, nil for none.
func nullable(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// amount is a number of things.
func amount(n int, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return fmt.Sprintf("%d %s", n, thing)
}

func isOrAre(n int) string {
	if n == 1 {
		return "is"
	}
	return "are"
}

// logLine tells a person something beside what was asked for.
func logLine(env environment, text string) { fmt.Fprintln(env.stderr, "bezoar: "+printable(text)) }

// cause is a file system's error without the path.
func cause(err error) error {
	if of, ok := errors.AsType[*fs.PathError](err); ok {
		return of.Err
	}
	return err
}

// unavailable is err without the words that a finding has said already.
func unavailable(err error) error {
	if of, ok := errors.AsType[*persist.UnavailableError](err); ok {
		return of.Err
	}
	return err
}

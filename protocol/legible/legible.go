// Package legible makes text from outside fit to be shown, on a terminal, on a page or in
// a header: the words of an issuer, of a file, or the name of a program.
package legible

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Line is the text on one line, with a blank for each invisible character:
// controls (C0, C1, ESC), marks that turn the direction of writing, characters
// without width, blanks of other kinds, and bytes that are no UTF-8.
func Line(text string) string { return Map(text, ' ') }

// Map is Line with another character in the place of an invisible one.
func Map(text string, instead rune) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) || r == unicode.ReplacementChar {
			return instead
		}
		return r
	}, text)
}

// briefRunes is how much of a text of another server is shown.
const briefRunes = 500

// Brief is Line, truncated to 500 characters.
func Brief(text string) string {
	runes := []rune(Line(text))
	if len(runes) > briefRunes {
		return string(runes[:briefRunes]) + "…"
	}
	return string(runes)
}

// JSON escapes in a JSON text the characters for which Line has a blank and which
// encoding/json does not escape: DEL, C1 controls, bidirectional marks and characters
// without width. A decoder reads the same strings.
func JSON(text []byte) []byte {
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

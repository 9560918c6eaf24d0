// Package legible makes text from outside fit to be shown, on a terminal, on a page or in
// a header: the words of an issuer, of a file, or the name of a program.
package legible

import (
	"strings"
	"unicode"
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

// Package legible makes text from outside fit to be shown: what an issuer, a file or
// the name of a program says, on a terminal, on a page or in a header.
package legible

import (
	"strings"
	"unicode"
)

// Line is the text on one line, with a blank for each character that is not seen:
// controls (C0, C1, ESC), marks that turn the direction of writing, characters
// without width, blanks of other kinds, and bytes that are no UTF-8.
func Line(text string) string { return Map(text, ' ') }

// Map is Line with another character in the place of those that are not seen.
func Map(text string, instead rune) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) || r == unicode.ReplacementChar {
			return instead
		}
		return r
	}, text)
}

// Brief is Line, cut off behind so many characters.
func Brief(text string, limitRunes int) string {
	runes := []rune(Line(text))
	if len(runes) > limitRunes {
		return string(runes[:limitRunes]) + "…"
	}
	return string(runes)
}

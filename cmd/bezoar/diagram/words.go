package diagram

import (
	"slices"
	"strings"

	"github.com/bezoar-auth/bezoar/machine"
)

// said is what the pictures call a trigger, in words that a user knows. A line of
// a picture has room for saidLetters. STATES.md has the names beside them.
var said = map[machine.Trigger]string{
	machine.LogoutTaken:      "logged out",
	machine.KeyTaken:         "API key stored",
	machine.FreshTaken:       "login stored",
	machine.StaleTaken:       "aged login stored",
	machine.CondemnedTaken:   "refused login found",
	machine.Aged:             "token runs out",
	machine.RefreshDemanded:  "refresh demanded",
	machine.TokenWasRejected: "token rejected",
	machine.AgedOut:          "cannot be refreshed",
	machine.RefreshDue:       "refresh posted",
	machine.WasGranted:       "refreshed",
	machine.WasGrantedAged:   "aged answer",
	machine.WasDeferred:      "issuer unavailable",
	machine.WasRefused:       "refresh refused",
	machine.WaitEnded:        "answer overdue",
}

const saidLetters = 19

// Words are what the pictures call a trigger; ok is false for one that is not drawn.
func Words(trigger machine.Trigger) (words string, ok bool) {
	words, ok = said[trigger]
	return words, ok
}

// Words are what leads along an arrow, in words that a user knows.
func (e Edge) Words() []string {
	words := make([]string, len(e.Triggers))
	for i, trigger := range e.Triggers {
		words[i] = wordsOf(trigger)
	}
	return words
}

// wordsOf takes the name of a trigger apart that nobody has found words for.
func wordsOf(trigger string) string {
	if words, ok := said[machine.Trigger(trigger)]; ok {
		return words
	}
	var words strings.Builder
	for i, letter := range trigger {
		if i > 0 && 'A' <= letter && letter <= 'Z' {
			words.WriteByte(' ')
		}
		words.WriteRune(letter)
	}
	return strings.ToLower(words.String())
}

// folded is a text on lines of at most so many letters, unless a word has more.
func folded(text string, letters int) []string {
	var lines []string
	for word := range strings.FieldsSeq(text) {
		if last := len(lines) - 1; last >= 0 && len(lines[last])+1+len(word) <= letters {
			lines[last] += " " + word
			continue
		}
		lines = append(lines, word)
	}
	return slices.Clip(lines)
}

// Package diagram draws the machine's table: in a column for the live page and in a line
// for the pages of cmd/bezoar/docs, and in Mermaid for STATES.md. It is pure: the same
// table gives the same bytes.
package diagram

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bezoar-auth/bezoar/machine"
)

// Edge is an arrow from one state to another, with all triggers that lead along it.
type Edge struct {
	From, To machine.Phase // From is "" for an arrow from every state
	Triggers []string
}

// Edges are the arrows of the pictures, in the order of the table. A row that leads
// from every state is one arrow, and a quiet row is none.
func Edges() []Edge {
	var edges []Edge
	for _, row := range machine.Table() {
		if row.Quiet {
			continue
		}
		for _, from := range origins(row) {
			edges = addTrigger(edges, from, row.To, string(row.Trigger))
		}
	}
	return edges
}

// origins are the states that a row leads from, "" for all of them.
func origins(row machine.Row) []machine.Phase {
	if len(row.From) == len(machine.Phases()) {
		return []machine.Phase{""}
	}
	return row.From
}

func addTrigger(edges []Edge, from, to machine.Phase, trigger string) []Edge {
	for i := range edges {
		if edges[i].From == from && edges[i].To == to {
			edges[i].Triggers = append(edges[i].Triggers, trigger)
			return edges
		}
	}
	return append(edges, Edge{from, to, []string{trigger}})
}

// Words are the triggers of the arrow, in words that a user knows.
func (e Edge) Words() []string {
	words := make([]string, len(e.Triggers))
	for i, trigger := range e.Triggers {
		words[i] = wordsFor(trigger)
	}
	return words
}

// Origin is where the arrow begins, in words.
func (e Edge) Origin() string {
	if e.From == "" {
		return "any state"
	}
	return string(e.From)
}

// sameEnds reports whether two arrows are one, whatever their triggers.
func (e Edge) sameEnds(other Edge) bool { return e.From == other.From && e.To == other.To }

// joins reports whether the arrow leads from one of two states to the other.
func (e Edge) joins(a, b machine.Phase) bool {
	return e.From == a && e.To == b || e.From == b && e.To == a
}

// triggerWords are what the pictures call a trigger, in words that a user knows.
// STATES.md has the trigger's name beside them.
var triggerWords = map[machine.Trigger]string{
	"LoggedOut":              "logged out",
	"LoadedAPIKey":           "API key stored",
	"LoadedFresh":            "login stored",
	"LoadedStale":            "aged login stored",
	"LoadedRefused":          "refused login found",
	"Aged":                   "token runs out",
	"RefreshDemanded":        "refresh demanded",
	"TokenRejected":          "token rejected",
	"CannotRefresh":          "cannot be refreshed",
	"RefreshDue":             "refresh posted",
	"RefreshSucceeded":       "refreshed",
	"RefreshSucceededAged":   "aged answer",
	"RefreshFailedTransient": "issuer unavailable",
	"RefreshFailedPermanent": "refresh refused",
	"RefreshMisconfigured":   "client not accepted",
	"RefreshNeedsLogin":      "login needed",
	"AnswerOverdue":          "answer overdue",
}

// wordsLimit is how many letters a line of a picture has room for.
const wordsLimit = 19

// Words are what the pictures call a trigger; ok is false for one that is not drawn.
func Words(trigger machine.Trigger) (words string, ok bool) {
	words, ok = triggerWords[trigger]
	return words, ok
}

// wordsFor is Words, or the parts of the name for a trigger that has no words yet.
func wordsFor(trigger string) string {
	if words, ok := Words(machine.Trigger(trigger)); ok {
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

// wrapped is a text on lines of at most so many letters, unless a word has more.
func wrapped(text string, letters int) []string {
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

// sentences are arrows in words, for a screen reader.
func sentences(edges []Edge) string {
	var out strings.Builder
	for _, edge := range edges {
		fmt.Fprintf(&out, "From %s to %s: %s. ", edge.Origin(), edge.To, strings.Join(edge.Words(), ", "))
	}
	return out.String()
}

// Mermaid is the picture in the language that code hosts draw.
func Mermaid() string {
	const anyState = "AnyState" // the box from which the arrows from every state start
	var out strings.Builder
	out.WriteString("stateDiagram-v2\n    direction LR\n    [*] --> NoAuth\n")
	fmt.Fprintf(&out, "    state \"any state\" as %s\n", anyState)
	for _, edge := range Edges() {
		from := string(edge.From)
		if from == "" {
			from = anyState
		}
		fmt.Fprintf(&out, "    %s --> %s : %s\n", from, edge.To, strings.Join(edge.Words(), ", "))
	}
	return out.String()
}

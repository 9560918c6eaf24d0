package view

import (
	"strings"
	"time"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/live"
	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/machine/persist"
)

// PageWords are the sentences of status and why, for the live page.
type PageWords struct{}

func (PageWords) State(s *machine.State, entries []persist.Entry, now time.Time) (known, toDo string) {
	v := View{State: *s, entries: entries, At: now}
	for _, e := range entries {
		if isBeginning(e) {
			v.History.LoggedOut = e.Kind == persist.Logout
		}
	}
	known = v.known()
	if reason := s.Assess(now).Reason; s.Phase == machine.NoAuth && reason != "" {
		known += ": " + strings.ReplaceAll(reason, "_", " ")
	}
	return strings.ToUpper(known[:1]) + known[1:] + ".", v.next()
}

func (PageWords) Story(entries []persist.Entry, now time.Time) []live.Sentence {
	v := View{entries: entries, At: now}
	var open []persist.Entry
	for i, e := range entries {
		if !v.isOutcomeKnown(i) {
			open = append(open, e)
		}
	}
	var told []live.Sentence
	for _, each := range v.tellAll(open) {
		told = append(told, live.Sentence{At: each.At.Time, Kind: each.Kind, Text: each.Text})
	}
	return told
}

func (PageWords) Reason(reason history.Reason) string { return Because(reason) }

func (PageWords) Cause(cause machine.Cause) string { return strings.TrimPrefix(OnCause(cause), " ") }

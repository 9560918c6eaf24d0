package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/live"
	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/engine"
	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/machine/persist"
)

// listenForPage takes the port of a live page, nil for the address "".
func listenForPage(address string) (*live.Server, error) {
	if address == "" {
		return nil, nil
	}
	page, err := live.Listen(address)
	if err != nil {
		return nil, fmt.Errorf("--inspect: %w", err)
	}
	return page, nil
}

func pageOptions(auth *engine.Engine, ledger persist.Ledger) live.Options {
	options := live.Options{Source: auth, Words: pageWords{}, Version: version}
	if _, ok := auditOf(ledger); ok {
		options.Entries = func(context.Context) ([]persist.Entry, error) { return entriesOf(ledger) }
	}
	return options
}

// pageWords are the sentences of status and why, for the live page.
type pageWords struct{}

func (pageWords) State(s *machine.State, entries []persist.Entry, now time.Time) (known, toDo string) {
	v := view{state: *s, entries: entries, at: now}
	for _, e := range entries {
		if isBeginning(e) {
			v.lineage.LoggedOut = e.Kind == persist.Logout
		}
	}
	known = v.known()
	if reason := s.Assess(now).Reason; s.Phase == machine.NoAuth && reason != "" {
		known += ": " + strings.ReplaceAll(reason, "_", " ")
	}
	return strings.ToUpper(known[:1]) + known[1:] + ".", v.next()
}

func (pageWords) Story(entries []persist.Entry, now time.Time) []live.Sentence {
	v := view{entries: entries, at: now}
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

func (pageWords) Reason(reason history.Reason) string { return because(reason) }

func (pageWords) Cause(cause machine.Cause) string { return strings.TrimPrefix(onCause(cause), " ") }

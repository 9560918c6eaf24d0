package server

import (
	"context"
	"fmt"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/live"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/view"
	"github.com/bezoar-auth/bezoar/machine/engine"
	"github.com/bezoar-auth/bezoar/machine/persist"
)

// listenForPage takes the port of a live page, nil for the address "".
func Listen(address string) (*live.Server, error) {
	if address == "" {
		return nil, nil
	}
	page, err := live.Listen(address)
	if err != nil {
		return nil, fmt.Errorf("--inspect: %w", err)
	}
	return page, nil
}

func pageOptions(version string, auth *engine.Engine, ledger persist.Ledger) live.Options {
	options := live.Options{Source: auth, Words: view.PageWords{}, Version: version}
	if _, ok := view.AuditOf(ledger); ok {
		options.Entries = func(context.Context) ([]persist.Entry, error) { return view.EntriesOf(ledger) }
	}
	return options
}

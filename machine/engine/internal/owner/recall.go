package owner

import (
	"context"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/persist"
)

// recall is a store whose logins say where they were made, also those whose record
// has lost it: the ledger remembers. A refresh token that is sent under another client
// than its own is refused for good.
func recall(s persist.Store, l persist.Ledger) persist.Store {
	if _, recalls := s.(recalling); recalls {
		return s
	}
	return recalling{s, l}
}

type recalling struct {
	persist.Store
	ledger persist.Ledger
}

// Load implements [persist.Store]. The ledger is asked only about a login that has lost
// something; one that cannot be read knows nothing.
func (r recalling) Load(ctx context.Context) (persist.Record, error) {
	record, err := r.Store.Load(ctx)
	if c := record.Credential; err == nil && c.OwnerID != "" && c.Provenance == (machine.Provenance{}) {
		known, _ := r.ledger.History(ctx)
		record.Credential = c.Completed(known)
	}
	return record, err
}

// Probe implements [persist.Prober]: a store that cannot be probed has room as far as can be
// seen.
func (r recalling) Probe(ctx context.Context) error {
	if prober, ok := r.Store.(persist.Prober); ok {
		return prober.Probe(ctx)
	}
	return nil
}

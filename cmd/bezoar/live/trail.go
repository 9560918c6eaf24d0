package live

import (
	"context"
	"sync"
	"time"

	"github.com/bezoar-auth/bezoar/machine/persist"
)

// The bounds of what is shown of the ledger, and of how often and how long its
// file is read, however many look at the page.
const (
	entriesKept = 100
	linesShown  = 20
	trailAge    = time.Second
	trailLimit  = 2 * time.Second
)

// trail is the end of the ledger, as it was a moment ago at most.
type trail struct {
	read func(context.Context) ([]persist.Entry, error)
	now  func() time.Time

	mu      sync.Mutex // guards what follows, and lets one read at a time
	at      time.Time
	mark    <-chan struct{}
	entries []persist.Entry
	err     error
}

// newest are the newest entries, the newest last. They are read again at once
// for another mark: then something has happened here.
func (t *trail) newest(mark <-chan struct{}) ([]persist.Entry, error) {
	if t.read == nil {
		return nil, nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if age := t.now().Sub(t.at); mark == t.mark && age >= 0 && age < trailAge {
		return t.entries, t.err
	}
	ctx, cancel := context.WithTimeout(context.Background(), trailLimit)
	defer cancel()
	entries, err := t.read(ctx)
	t.entries, t.err = entries[max(0, len(entries)-entriesKept):], err
	t.at, t.mark = t.now(), mark
	return t.entries, t.err
}

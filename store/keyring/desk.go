package keyring

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/bezoar-auth/bezoar/machine/persist"
)

// desk is where callers wait for the keyring. Its calls know no context: they
// are made by a goroutine that the caller may turn away from. One at a time is
// there, so that a keyring that hangs keeps one goroutine and no more; while it
// does, no caller waits for it.
type desk struct {
	patience time.Duration
	turn     chan struct{} // full while a visit lasts
	since    *atomic.Pointer[time.Time]
}

func newDesk(patience time.Duration) desk {
	return desk{patience: patience, turn: make(chan struct{}, 1), since: new(atomic.Pointer[time.Time])}
}

var (
	errHung = errors.New("the keyring does not answer")
)

// isHung reports whether a visit lasts that its caller must have given up.
func (d desk) isHung() bool {
	since := d.since.Load()
	return since != nil && time.Since(*since) >= d.patience
}

// visit does what must not keep a caller waiting. A visit whose caller has gone
// goes on, with its context ended, to the end of the call that it hangs in.
func visit[T any](ctx context.Context, d desk, do func(ctx context.Context) (T, error)) (T, error) {
	var none T
	if d.isHung() {
		return none, &persist.UnavailableError{Err: errHung}
	}
	limited, cancel := context.WithTimeout(ctx, d.patience)
	defer cancel()
	select {
	case d.turn <- struct{}{}:
	case <-limited.Done():
		return none, d.gaveUp(ctx)
	}
	outcome := make(chan func() (T, error), 1)
	now := time.Now()
	d.since.Store(&now)
	go func() {
		result, err := none, error(&persist.UnavailableError{Err: errBrokeOff})
		defer func() { // not to recover: guarded does, where a library is called
			d.since.Store(nil)
			<-d.turn
			outcome <- func() (T, error) { return result, err }
		}()
		result, err = do(limited)
	}()
	select {
	case of := <-outcome:
		return of()
	case <-limited.Done():
		return none, d.gaveUp(ctx)
	}
}

// gaveUp says who lost patience.
func (d desk) gaveUp(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return &persist.UnavailableError{Err: fmt.Errorf("wait for the keyring: %w", err)}
	}
	return &persist.UnavailableError{Err: fmt.Errorf("%w within %v", errHung, d.patience)}
}

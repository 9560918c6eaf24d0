// Package bounded ends the calls of a store or a ledger when their context ends,
// whatever the disk, the network home or the keyring behind them does. A call that hangs
// costs one goroutine; calls that come after it fail at once.
package bounded

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/bezoar-auth/bezoar/machine/persist"
)

// Patience is how long a read may take before later reads fail at once with [ErrSlow],
// in place of waiting behind it.
const Patience = 2 * time.Second

// ErrSlow reports that a store did not answer in time: a disk that is slow, a network
// home that is gone, a keyring that hangs.
var ErrSlow = errors.New("it does not answer in time: the disk, network home or keyring is slow or gone")

// Gate lets one call through at a time.
type Gate struct {
	patience time.Duration
	turn     chan struct{}             // full while a call runs
	since    atomic.Pointer[time.Time] // when that call began
}

// NewGate is a gate whose call hangs once it has taken as long as patience.
func NewGate(patience time.Duration) *Gate {
	return &Gate{patience: patience, turn: make(chan struct{}, 1)}
}

func newGate() *Gate { return NewGate(Patience) }

// Hung reports whether the call that runs has taken so long that its caller must have
// given it up.
func (g *Gate) Hung() bool {
	since := g.since.Load()
	return since != nil && time.Since(*since) >= g.patience
}

// enter waits for the turn until ctx ends.
func (g *Gate) enter(ctx context.Context) error {
	select {
	case g.turn <- struct{}{}:
		now := time.Now()
		g.since.Store(&now)
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (g *Gate) leave() {
	g.since.Store(nil)
	<-g.turn
}

// GaveUpError reports that ctx ended before the call did. Only a call that has begun
// may yet have an effect.
type GaveUpError struct {
	Err   error // of the context
	Begun bool
}

func (e *GaveUpError) Error() string { return e.Err.Error() }
func (e *GaveUpError) Unwrap() error { return e.Err }

// Call makes a call on a goroutine of its own, in its turn, and waits for it until ctx
// ends: then it returns a [*GaveUpError]. The goroutine goes on to the end of the call,
// and late takes the value of a call that succeeds after its caller has left; nil for
// nothing to do. Call does not recover a panic: that is a mistake of this program.
func Call[T any](ctx context.Context, g *Gate, do func(context.Context) (T, error), late func(T)) (T, error) {
	var none, result T
	if err := g.enter(ctx); err != nil {
		return none, &GaveUpError{Err: err}
	}
	err := errExited
	var claimed atomic.Bool // by the call that has ended, or by the caller who has left
	ended := make(chan struct{})
	go func() {
		defer func() { // also if do ends its goroutine
			g.leave()
			if claimed.CompareAndSwap(false, true) {
				close(ended)
			} else if err == nil && late != nil {
				late(result)
			}
		}()
		result, err = do(ctx)
	}()
	select {
	case <-ended:
	case <-ctx.Done():
		if claimed.CompareAndSwap(false, true) {
			return none, &GaveUpError{Err: ctx.Err(), Begun: true}
		}
		<-ended
	}
	return result, err
}

// errExited reports a call that ended its goroutine, as [runtime.Goexit] does.
var errExited error = &persist.UnavailableError{Err: errors.New("the store broke off")}

// read calls what reads, with the errors of a store. It does not wait behind a call
// that hangs.
func read[T any](ctx context.Context, g *Gate, do func(context.Context) (T, error)) (T, error) {
	var none T
	if g.Hung() {
		return none, &persist.UnavailableError{Err: ErrSlow}
	}
	value, err := Call(ctx, g, do, nil)
	if gaveUp := gaveUpOf(ctx, err); gaveUp != nil {
		return none, &persist.UnavailableError{Err: fmt.Errorf("%w (%w)", ErrSlow, gaveUp.Err)}
	}
	return value, err
}

// write calls what writes, with the errors of a store.
func write(ctx context.Context, g *Gate, do func(context.Context) error, late func()) error {
	_, err := Call(ctx, g, func(ctx context.Context) (struct{}, error) { return struct{}{}, do(ctx) }, func(struct{}) {
		if late != nil {
			late()
		}
	})
	gaveUp := gaveUpOf(ctx, err)
	switch {
	case gaveUp == nil:
		return err
	case gaveUp.Begun:
		return &persist.UnknownError{Err: fmt.Errorf("%w (%w)", ErrSlow, gaveUp.Err)}
	}
	return &persist.NotDurableError{Err: fmt.Errorf("%w (%w)", ErrSlow, gaveUp.Err)}
}

// gaveUpOf is the error as a [*GaveUpError], nil if the call ended in another way. A
// call that returns the context's own error has given up as well.
func gaveUpOf(ctx context.Context, err error) *GaveUpError {
	gaveUp, ok := err.(*GaveUpError)
	if !ok && err != nil && err == ctx.Err() {
		return &GaveUpError{Err: err, Begun: true}
	}
	return gaveUp
}

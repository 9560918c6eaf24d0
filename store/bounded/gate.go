// Package bounded lets the calls of a store or a ledger end when their context does,
// whatever the disk, the network home or the keyring behind them does. A call that hangs
// costs one goroutine, and those that come after it are told so at once.
package bounded

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/bezoar-auth/bezoar/machine/persist"
)

// Patience is how long a look may take before others are told at once that the store is
// slow, in place of waiting behind it.
const Patience = 2 * time.Second

// ErrSlow reports that a store did not answer in time: a disk that is slow, a network
// home that is gone, a keyring that hangs.
var ErrSlow = errors.New("it does not answer in time: the disk, network home or keyring is slow or gone")

// gate lets one call through at a time. The zero gate is not ready: use newGate.
type gate struct {
	turn  chan struct{} // full while a call is in there
	since atomic.Int64  // when it came, in nanoseconds of the wall clock; 0 for none
}

func newGate() *gate { return &gate{turn: make(chan struct{}, 1)} }

// hung reports whether a call is in there that its caller must have given up.
func (g *gate) hung() bool {
	since := g.since.Load()
	return since != 0 && time.Now().UnixNano()-since >= int64(Patience)
}

// enter waits for the turn until ctx ends.
func (g *gate) enter(ctx context.Context) error {
	select {
	case g.turn <- struct{}{}:
		g.since.Store(time.Now().UnixNano())
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (g *gate) leave() {
	g.since.Store(0)
	<-g.turn
}

// call makes a call on a goroutine of its own, in its turn, and waits for it until ctx
// ends. late takes the value of a call that has ended well after its caller had gone;
// nil for nothing to do. A panic is not caught: it is a mistake of this program.
func call[T any](ctx context.Context, g *gate, do func(context.Context) (T, error), late func(T)) (T, error) {
	var value T
	if err := g.enter(ctx); err != nil {
		return value, &notBegunError{err}
	}
	var result T
	var err error
	var claimed atomic.Bool // by the call that has ended, or by the caller who has gone
	ended := make(chan struct{})
	go func() {
		result, err = do(ctx)
		g.leave()
		if claimed.CompareAndSwap(false, true) {
			close(ended)
		} else if err == nil && late != nil {
			late(result)
		}
	}()
	select {
	case <-ended:
	case <-ctx.Done():
		if claimed.CompareAndSwap(false, true) {
			return value, ctx.Err()
		}
		<-ended
	}
	return result, err
}

// notBegunError reports that a call has not been made: ctx ended before its turn.
type notBegunError struct{ err error }

func (e *notBegunError) Error() string { return e.err.Error() }
func (e *notBegunError) Unwrap() error { return e.err }

// look is call for what reads, with the errors of a store. It does not wait behind a
// call that hangs.
func look[T any](ctx context.Context, g *gate, do func(context.Context) (T, error)) (T, error) {
	var none T
	if g.hung() {
		return none, &persist.UnavailableError{Err: ErrSlow}
	}
	value, err := call(ctx, g, do, nil)
	if gaveUp(ctx, err) {
		return none, &persist.UnavailableError{Err: fmt.Errorf("%w (%w)", ErrSlow, err)}
	}
	return value, err
}

// change is call for what writes, with the errors of a store.
func change(ctx context.Context, g *gate, do func(context.Context) error, late func()) error {
	_, err := call(ctx, g, func(ctx context.Context) (struct{}, error) { return struct{}{}, do(ctx) }, func(struct{}) {
		if late != nil {
			late()
		}
	})
	if notBegun := new(notBegunError); errors.As(err, &notBegun) {
		return &persist.NotDurableError{Err: fmt.Errorf("%w (%w)", ErrSlow, err)}
	}
	if gaveUp(ctx, err) {
		return &persist.UnknownError{Err: fmt.Errorf("%w (%w)", ErrSlow, err)}
	}
	return err
}

// gaveUp reports whether a call was given up, or not made, because its context ended.
// What the call itself returned is its own word.
func gaveUp(ctx context.Context, err error) bool {
	_, notBegun := err.(*notBegunError)
	return err != nil && (notBegun || err == ctx.Err())
}

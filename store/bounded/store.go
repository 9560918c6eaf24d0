package bounded

import (
	"context"
	"time"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/persist"
)

// Store is a [persist.Store] whose calls end when their context does. Looks, writes and
// the lock do not wait for each other. A look that is given up returns an
// [*persist.UnavailableError] with [ErrSlow]; a write returns an [*persist.UnknownError]: it
// may yet take place.
type Store struct {
	of                    persist.Store
	looks, changes, locks *gate
}

// NewStore is the store of, bounded.
func NewStore(of persist.Store) *Store {
	return &Store{of: of, looks: newGate(), changes: newGate(), locks: newGate()}
}

// Load implements [persist.Store].
func (s *Store) Load(ctx context.Context) (persist.Record, error) {
	return look(ctx, s.looks, s.of.Load)
}

// stamped is what Stamp returns.
type stamped struct {
	stamp persist.Stamp
	known bool
}

// Stamp implements [persist.Store]. A store that is slow cannot tell.
func (s *Store) Stamp(ctx context.Context) (persist.Stamp, bool) {
	found, err := look(ctx, s.looks, func(ctx context.Context) (stamped, error) {
		stamp, known := s.of.Stamp(ctx)
		return stamped{stamp, known}, nil
	})
	return found.stamp, err == nil && found.known
}

// Probe implements [persist.Prober]: a store that cannot be probed has room as far as can
// be seen.
func (s *Store) Probe(ctx context.Context) error {
	prober, ok := s.of.(persist.Prober)
	if !ok {
		return nil
	}
	_, err := look(ctx, s.looks, func(ctx context.Context) (struct{}, error) { return struct{}{}, prober.Probe(ctx) })
	return err
}

// Replace implements [persist.Store].
func (s *Store) Replace(ctx context.Context, c machine.Credential) error {
	return change(ctx, s.changes, func(ctx context.Context) error { return s.of.Replace(ctx, c) }, nil)
}

// Swap implements [persist.Store].
func (s *Store) Swap(ctx context.Context, base persist.Revision, c machine.Credential) error {
	return change(ctx, s.changes, func(ctx context.Context) error { return s.of.Swap(ctx, base, c) }, nil)
}

// Delete implements [persist.Store].
func (s *Store) Delete(ctx context.Context) error {
	return change(ctx, s.changes, s.of.Delete, nil)
}

// Reserve implements [persist.Store]. Room that comes too late is given back.
func (s *Store) Reserve(ctx context.Context, c machine.Credential) (release func(), err error) {
	reserve := func(ctx context.Context) (func(), error) { return s.of.Reserve(ctx, c) }
	held, err := call(ctx, s.changes, reserve, func(held func()) { held() })
	if gaveUp(ctx, err) {
		return nil, &persist.NotDurableError{Err: ErrSlow}
	}
	if err != nil {
		return nil, err
	}
	return func() { s.giveBack(held) }, nil
}

// giveBackLimit is how long the end of a refresh waits for a disk.
const giveBackLimit = 10 * time.Second

func (s *Store) giveBack(release func()) {
	ctx, cancel := context.WithTimeout(context.Background(), giveBackLimit)
	defer cancel()
	_ = change(ctx, s.changes, func(context.Context) error {
		release()
		return nil
	}, nil)
}

// Lock implements [persist.Store]. A lock that comes too late is let go.
func (s *Store) Lock(ctx context.Context) (unlock func(), err error) {
	if s.looks.hung() {
		return nil, &persist.UnavailableError{Err: ErrSlow}
	}
	unlock, err = call(ctx, s.locks, s.of.Lock, func(unlock func()) { unlock() })
	if gaveUp(ctx, err) {
		return nil, ctx.Err()
	}
	return unlock, err
}

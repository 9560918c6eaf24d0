package bounded

import (
	"context"
	"time"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/persist"
)

// Store is a [persist.Store] whose calls end when their context does. Reads, writes and
// the lock do not wait for each other. A read that is given up returns an
// [*persist.UnavailableError] with [ErrSlow]; a write returns an [*persist.UnknownError]: it
// may yet take place.
type Store struct {
	of                   persist.Store
	reads, writes, locks *Gate
}

// NewStore is the store of, bounded.
func NewStore(of persist.Store) *Store {
	return &Store{of: of, reads: newGate(), writes: newGate(), locks: newGate()}
}

// Load implements [persist.Store].
func (s *Store) Load(ctx context.Context) (persist.Record, error) {
	return read(ctx, s.reads, s.of.Load)
}

// stamped is what Stamp returns.
type stamped struct {
	stamp persist.Stamp
	known bool
}

// Stamp implements [persist.Store]. A store that is slow cannot tell.
func (s *Store) Stamp(ctx context.Context) (persist.Stamp, bool) {
	found, err := read(ctx, s.reads, func(ctx context.Context) (stamped, error) {
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
	_, err := read(ctx, s.reads, func(ctx context.Context) (struct{}, error) { return struct{}{}, prober.Probe(ctx) })
	return err
}

// Replace implements [persist.Store].
func (s *Store) Replace(ctx context.Context, c machine.Credential) error {
	return write(ctx, s.writes, func(ctx context.Context) error { return s.of.Replace(ctx, c) }, nil)
}

// Swap implements [persist.Store].
func (s *Store) Swap(ctx context.Context, base persist.Revision, c machine.Credential) error {
	return write(ctx, s.writes, func(ctx context.Context) error { return s.of.Swap(ctx, base, c) }, nil)
}

// Delete implements [persist.Store].
func (s *Store) Delete(ctx context.Context) error {
	return write(ctx, s.writes, s.of.Delete, nil)
}

// Reserve implements [persist.Store]. Room that comes too late is given back.
func (s *Store) Reserve(ctx context.Context, c machine.Credential) (release func(), err error) {
	reserve := func(ctx context.Context) (func(), error) { return s.of.Reserve(ctx, c) }
	held, err := Call(ctx, s.writes, reserve, func(held func()) { held() })
	if gaveUpOf(ctx, err) != nil {
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
	_ = write(ctx, s.writes, func(context.Context) error {
		release()
		return nil
	}, nil)
}

// Lock implements [persist.Store]. A lock that comes too late is let go.
func (s *Store) Lock(ctx context.Context) (unlock func(), err error) {
	if s.reads.Hung() {
		return nil, &persist.UnavailableError{Err: ErrSlow}
	}
	unlock, err = Call(ctx, s.locks, s.of.Lock, func(unlock func()) { unlock() })
	if gaveUpOf(ctx, err) != nil {
		return nil, ctx.Err()
	}
	return unlock, err
}

// Package memory keeps a login and its ledger for as long as the program runs.
package memory

import (
	"context"
	"strconv"
	"sync"
	"time"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/persist"
)

// Store is a place for a login that is gone with this program. Several
// simulated processes may share one. It has no clock and is deterministic; it
// keeps the credential itself, so that there are no unknown members to lose. It
// implements [persist.Store].
type Store struct {
	turn chan struct{} // full while a caller has the lock

	mu      sync.Mutex // guards what follows
	writes  int64      // so far, removals included
	current *stored    // nil if there is no login
}

// stored is a credential and the number of the write that brought it: what was
// there before is never taken for it, even if it was the same login.
type stored struct {
	credential machine.Credential
	write      int64
}

func (s stored) revision() persist.Revision {
	return persist.Revision(strconv.FormatInt(s.write, 10))
}

// NewStore is a store without a login.
func NewStore() *Store { return &Store{turn: make(chan struct{}, 1)} }

// Load implements [persist.Store]. It returns no error but [persist.ErrNotFound].
func (s *Store) Load(context.Context) (persist.Record, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current == nil {
		return persist.Record{}, persist.ErrNotFound
	}
	return persist.Record{Credential: s.current.credential, Revision: s.current.revision()}, nil
}

// Stamp implements [persist.Store].
func (s *Store) Stamp(context.Context) (persist.Stamp, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current == nil {
		return persist.Stamp{}, true
	}
	return persist.Stamp{Changed: s.current.write}, true
}

// Replace implements [persist.Store].
func (s *Store) Replace(_ context.Context, c machine.Credential) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.put(&c)
	return nil
}

// Swap implements [persist.Store].
func (s *Store) Swap(_ context.Context, base persist.Revision, c machine.Credential) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current == nil || s.current.revision() != base {
		return persist.ErrConflict
	}
	s.put(&c)
	return nil
}

// Delete implements [persist.Store].
func (s *Store) Delete(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.put(nil)
	return nil
}

func (s *Store) put(c *machine.Credential) {
	s.writes++
	s.current = nil
	if c != nil {
		s.current = &stored{credential: *c, write: s.writes}
		s.current.credential.ExpiresAt = time.Time{} // no record holds it: the ledger does
	}
}

// Reserve implements [persist.Store]. There is always room.
func (s *Store) Reserve(context.Context, machine.Credential) (release func(), err error) {
	return func() {}, nil
}

// Lock implements [persist.Store].
func (s *Store) Lock(ctx context.Context) (unlock func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, err // or chance would decide when both are possible
	}
	select {
	case s.turn <- struct{}{}:
		return func() { <-s.turn }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

package simulation

import (
	"context"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/properties/propertytest"
)

// fault is one way in which a store fails.
type fault string

// The faults of a store.
const (
	loadFails    fault = "cannot be read"
	reserveFails fault = "has no room"
	writeFails   fault = "cannot be written"
)

var allFaults = []fault{reserveFails, writeFails, loadFails}

// faultyStore is a store with faults that can be switched on, a count of how
// often they strike, and a place for what is no login.
type faultyStore struct {
	persist.Store
	faults  map[fault]bool
	hit     map[fault]int // how often each fault has struck
	garbage int           // not 0: there is something that is no login
}

func newFaultyStore(inner persist.Store) *faultyStore {
	return &faultyStore{Store: inner, faults: map[fault]bool{}, hit: map[fault]int{}}
}

func (s *faultyStore) strikes(f fault) bool {
	if s.faults[f] {
		s.hit[f]++
	}
	return s.faults[f]
}

func (s *faultyStore) Load(ctx context.Context) (persist.Record, error) {
	switch {
	case s.strikes(loadFails):
		return persist.Record{}, &persist.UnavailableError{Err: propertytest.ErrDisk}
	case s.garbage != 0:
		return persist.Record{}, &persist.UnreadableError{Problem: "it is garbage"}
	}
	return s.Store.Load(ctx)
}

func (s *faultyStore) Stamp(ctx context.Context) (persist.Stamp, bool) {
	if s.garbage != 0 {
		return persist.Stamp{Inode: 1, Changed: int64(s.garbage)}, true
	}
	return s.Store.Stamp(ctx)
}

func (s *faultyStore) Replace(ctx context.Context, c machine.Credential) error {
	if s.strikes(writeFails) {
		return &persist.NotDurableError{Err: propertytest.ErrDisk}
	}
	s.garbage = 0
	return s.Store.Replace(ctx, c)
}

func (s *faultyStore) Swap(ctx context.Context, base persist.Revision, c machine.Credential) error {
	switch {
	case s.strikes(writeFails):
		return &persist.NotDurableError{Err: propertytest.ErrDisk}
	case s.garbage != 0:
		return persist.ErrConflict
	}
	return s.Store.Swap(ctx, base, c)
}

func (s *faultyStore) Delete(ctx context.Context) error {
	if s.strikes(writeFails) {
		return &persist.NotDurableError{Err: propertytest.ErrDisk}
	}
	s.garbage = 0
	return s.Store.Delete(ctx)
}

func (s *faultyStore) Reserve(ctx context.Context, c machine.Credential) (release func(), err error) {
	if s.strikes(reserveFails) {
		return nil, &persist.NotDurableError{Err: propertytest.ErrDisk}
	}
	return s.Store.Reserve(ctx, c)
}

// holds is what is stored, whatever is out of order; nil for nothing.
func (s *faultyStore) holds() *machine.Credential {
	record, err := s.Store.Load(context.Background())
	if s.garbage != 0 || err != nil {
		return nil
	}
	return &record.Credential
}

// spoil puts something there that is no login.
func (s *faultyStore) spoil() { s.garbage++ }

// write is another program's save, which no fault of ours stops.
func (s *faultyStore) write(c machine.Credential) {
	s.garbage = 0
	_ = s.Store.Replace(context.Background(), c)
}

// remove is another program's removal.
func (s *faultyStore) remove() {
	s.garbage = 0
	_ = s.Store.Delete(context.Background())
}

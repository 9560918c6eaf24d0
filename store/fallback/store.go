// Package fallback keeps a login in the keyring if that can be used, and in
// auth.json if not. At any moment one of the two is where the login is, and what
// the other holds counts for nothing.
//
// # Where the login is
//
//   - There is a login in auth.json: that is it. A process that stores one in the
//     keyring removes auth.json, so it is never the older of the two.
//   - There is none, and no auth.source: it is the one in the keyring.
//   - There is none, but an auth.source: whatever the keyring held at the time
//     written there counts for nothing. There is no login, unless the keyring
//     has a login of a later refresh: that another program put there.
//
// So what makes a login the current one is one step of one file or one item:
//
//	login, keyring usable  auth.source settled · keyring set · auth.json removed
//	login, keyring not     auth.json written · auth.source written
//	logout, keyring usable keyring deleted · auth.json removed · auth.source removed
//	logout, keyring not    auth.source written · auth.json removed
//	refresh                a swap where the login is; it never moves one
//
// To settle auth.source is to remove from the keyring what is void, and then
// auth.source: that changes nothing.
//
// A crash between two steps leaves the login from before the first or that from
// after the last. While auth.json has the login, the keyring and auth.source do
// not matter, and its removal is what counts. If it has none, a login counts once
// the keyring is set, and a logout once that is deleted, or auth.source written. A
// fallback writes auth.json first: then the login stands already.
//
// A keyring that hangs may still do what it was asked, later. That is a write
// which failed, so auth.source was written after it, and says that it is void.
package fallback

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/store/disk"
)

// Store is the [persist.Store] that is made of two.
type Store struct {
	options Options
	home    string
	keyring persist.Store
	file    persist.Store

	mu     sync.Mutex // guards what follows
	seen   sighting
	newest time.Time // of the last refreshes of what the keyring held, as far as it was seen
}

// sighting is the stamp of auth.json when a login was last read from it.
type sighting struct {
	stamp persist.Stamp
	known bool
}

// Options are the settings of a store. The zero value is fit for use.
type Options struct {
	Log  *slog.Logger     // nil is slog.Default()
	Now  func() time.Time // the clock that logins are dated with as well; nil is time.Now
	Disk disk.Disk        // where the home is
	Look bool             // a load writes nothing: it leaves to others what it could settle
}

// Open returns the store of a home whose login is in keyring or in file. The keyring's
// store must not touch auth.json itself. Open reads and writes nothing yet.
func Open(home string, keyring, file persist.Store, options Options) *Store {
	if options.Log == nil {
		options.Log = slog.Default()
	}
	if options.Now == nil {
		options.Now = time.Now
	}
	return &Store{options: options, home: home, keyring: keyring, file: file}
}

// Stamp implements [persist.Store]. It is known while auth.json is the file that
// the login was last read from.
func (s *Store) Stamp(ctx context.Context) (persist.Stamp, bool) {
	stamp, known := s.file.Stamp(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	unchanged := known && s.seen == sighting{stamp, true}
	if !unchanged {
		return persist.Stamp{}, false
	}
	return stamp, true
}

// loadFile reads auth.json. It takes the stamp first: if the file changes meanwhile,
// the stamp is that of no login that was read.
func (s *Store) loadFile(ctx context.Context) (persist.Record, error) {
	stamp, known := s.file.Stamp(ctx)
	record, err := s.file.Load(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = sighting{stamp, known && err == nil && stamp != persist.Stamp{}}
	return record, err
}

// Load implements [persist.Store].
func (s *Store) Load(ctx context.Context) (persist.Record, error) {
	record, err := s.loadFile(ctx)
	if !errors.Is(err, persist.ErrNotFound) {
		return record, err
	}
	record, err = s.loadKeyring(ctx)
	if !errors.Is(err, persist.ErrNotFound) {
		return record, err
	}
	return s.loadFile(ctx) // a login may have come to auth.json, and then left the keyring
}

// loadKeyring returns the keyring's login, if it counts. When auth.source says that it
// does not, and the keyring answers, the file has served and can go.
func (s *Store) loadKeyring(ctx context.Context) (persist.Record, error) {
	mark, err := s.readSource()
	if err != nil {
		return persist.Record{}, err
	}
	record, err := s.keyring.Load(ctx)
	if err == nil {
		s.sawKeyring(record.Credential)
	}
	if mark == nil {
		return record, err
	}
	if unavailable := new(persist.UnavailableError); errors.As(err, &unavailable) {
		return persist.Record{}, persist.ErrNotFound
	}
	if !s.options.Look {
		s.tryRemoveVoid(ctx)
	}
	if err == nil && !mark.voids(record.Credential) {
		return record, nil
	}
	return persist.Record{}, persist.ErrNotFound
}

// Reserve implements [persist.Store]: it is where the login is that has to take
// its successor.
func (s *Store) Reserve(ctx context.Context, c machine.Credential) (release func(), err error) {
	inKeyring, err := s.loginInKeyring(ctx)
	switch {
	case err != nil:
		return nil, &persist.NotDurableError{Err: fmt.Errorf("reserve room for a new login: %w", err)}
	case inKeyring:
		return s.keyring.Reserve(ctx, c)
	}
	return s.file.Reserve(ctx, c)
}

// Probe implements [persist.Prober], as far as the place where the login is does.
func (s *Store) Probe(ctx context.Context) error {
	inKeyring, err := s.loginInKeyring(ctx)
	if err != nil {
		return &persist.NotDurableError{Err: err}
	}
	where := s.file
	if inKeyring {
		where = s.keyring
	}
	if prober, ok := where.(persist.Prober); ok {
		return prober.Probe(ctx)
	}
	return nil
}

// Lock implements [persist.Store], with that of auth.json: it is the home's.
func (s *Store) Lock(ctx context.Context) (unlock func(), err error) { return s.file.Lock(ctx) }

// loginInKeyring reports where the login is, or would be. Whatever is in auth.json
// must be dealt with there, also if it is no login.
func (s *Store) loginInKeyring(ctx context.Context) (bool, error) {
	if _, err := s.file.Load(ctx); !errors.Is(err, persist.ErrNotFound) {
		return false, nil
	}
	mark, err := s.readSource()
	if err != nil || mark == nil {
		return err == nil, err
	}
	record, err := s.keyring.Load(ctx)
	return err == nil && !mark.voids(record.Credential), nil
}

const (
	turnFile     = "auth.source.lock"
	turnPoll     = time.Millisecond
	turnPatience = 5 * time.Second

	tryPatience = 10 * time.Millisecond
)

// inTurn lets processes that change where the login is take turns. On timeout the
// change goes on without: another process's keyring may hang, and nothing is lost,
// because of two changes at once one counts in the end.
func (s *Store) inTurn(ctx context.Context) (release func()) {
	release, err := s.exclude(ctx, turnPatience)
	if err != nil {
		s.options.Log.Warn("changing where the login is without a lock", "error", err)
		return func() {}
	}
	return release
}

func (s *Store) exclude(ctx context.Context, patience time.Duration) (release func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return s.options.Disk.Lock(ctx, s.path(turnFile), turnPoll)
}

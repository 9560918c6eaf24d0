package file

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
)

const (
	lockFile = "auth.lock"          // Codex locks it as well, from 0.169.0 on
	turnPoll = 5 * time.Millisecond // a post takes a hundred
)

// Lock implements [store.Store] with flock(2) on auth.lock, which is never
// removed. What a crash left behind is cleared up first. A disk that cannot
// lock is reported once and survived, for nothing rests on the lock; then only
// the users of this Store exclude each other. A home that does not exist is an
// error.
func (s *Store) Lock(ctx context.Context) (unlock func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	select {
	case s.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	release, err := s.lockHome(ctx)
	if err != nil {
		<-s.turn
		return nil, err
	}
	if where, err := s.find(); err == nil {
		s.sweep(ctx, where)
	}
	return func() {
		release()
		<-s.turn
	}, nil
}

// lockHome waits for the lock file, and again if somebody replaced it
// meanwhile: then others wait at another one.
func (s *Store) lockHome(ctx context.Context) (release func(), err error) {
	path := filepath.Join(s.home, lockFile)
	for {
		s.options.Step("lock: create")
		lock := flock.New(path, flock.SetFlag(os.O_CREATE|os.O_RDONLY|nonBlocking), flock.SetPermissions(0o600))
		_, err = lock.TryLockContext(ctx, turnPoll)
		if err == nil && isNamed(lock) {
			return func() { lock.Close() }, nil
		}
		lock.Close()
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case errors.Is(err, fs.ErrNotExist):
			return nil, fmt.Errorf("home %s does not exist", s.home)
		case err != nil:
			s.noLock.Do(func() { s.options.Log.Warn("there is no lock to be had, going on without", "error", err) })
			return func() {}, nil
		}
	}
}

// isNamed reports whether the locked file is still the one that others find.
func isNamed(lock *flock.Flock) bool {
	locked, err := lock.Stat()
	if err != nil {
		return true // nobody can tell
	}
	named, err := os.Stat(lock.Path())
	return err == nil && os.SameFile(locked, named)
}

// commitPatience is how long a write waits for another one.
const commitPatience = 5 * time.Second

// lockCommit lets those who compare and replace a file take turns, with the
// lock file that Codex 0.169.0 uses for the same. Who does not get it goes on
// without: to lose new tokens would be worse.
func lockCommit(ctx context.Context, path string) (unlock func()) {
	ctx, cancel := context.WithTimeout(ctx, commitPatience)
	defer cancel()
	lock := flock.New(path+".lock", flock.SetFlag(os.O_CREATE|os.O_RDONLY|nonBlocking), flock.SetPermissions(0o600))
	lock.TryLockContext(ctx, lockPoll)
	return func() { lock.Close() }
}

// lockContent lets one at a time write in place: it locks the file itself, which
// has one inode under all its names. Where nothing can be locked one goes on
// without, but not where another writes: of two writes at once nothing is left.
func lockContent(ctx context.Context, path string) (unlock func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, commitPatience)
	defer cancel()
	lock := flock.New(path, flock.SetFlag(os.O_RDONLY|nonBlocking))
	_, err = lock.TryLockContext(ctx, lockPoll)
	if err != nil && ctx.Err() != nil {
		lock.Close()
		return nil, fmt.Errorf("wait for another writer: %w", err)
	}
	return func() { lock.Close() }, nil
}

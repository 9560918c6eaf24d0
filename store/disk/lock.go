package disk

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/gofrs/flock"
)

// LockFile is what those who refresh wait at, in their home. Codex locks it as
// well, from 0.169.0 on.
const LockFile = "auth.lock"

// UnreadableFile is where an auth.json is kept that was no login, when it is
// replaced or removed.
const UnreadableFile = "auth.json.unreadable"

// RefreshLock is the lock of one home, whatever store its login is in: polite
// processes refresh one after the other. It is flock(2) on [LockFile], which is
// never removed.
type RefreshLock struct {
	home   string
	log    *slog.Logger
	step   Step
	turn   chan struct{} // full while a caller with this value has the lock
	noLock sync.Once     // one line of the log says that there is no lock to be had
}

// NewRefreshLock is the lock of home. Nothing is made or opened yet.
func NewRefreshLock(home string, log *slog.Logger, step Step) *RefreshLock {
	return &RefreshLock{home: home, log: log, step: step, turn: make(chan struct{}, 1)}
}

// Acquire waits for the lock until ctx ends; then its error is returned. A disk
// that cannot lock is reported once and survived, for nothing rests on the lock;
// then only the users of this value exclude each other. A home that does not
// exist is an error. Call unlock exactly once.
func (l *RefreshLock) Acquire(ctx context.Context) (unlock func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	select {
	case l.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	release, err := l.lockHome(ctx)
	if err != nil {
		<-l.turn
		return nil, err
	}
	return func() {
		release()
		<-l.turn
	}, nil
}

func (l *RefreshLock) lockHome(ctx context.Context) (release func(), err error) {
	l.step("lock: create")
	release, err = Lock(ctx, filepath.Join(l.home, LockFile), turnPoll)
	switch {
	case err == nil:
		return release, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("home %s does not exist", l.home)
	}
	l.noLock.Do(func() { l.log.Warn("there is no lock to be had, going on without", "error", err) })
	return func() {}, nil
}

const turnPoll = 5 * time.Millisecond // a post takes a hundred

// Lock waits for flock(2) on a file, which is made if there is none, and again
// if it was replaced meanwhile: then others wait at another one. Two locks
// of one process exclude each other too. It is an error if ctx ends, or if the
// file cannot be locked at all.
func Lock(ctx context.Context, path string, poll time.Duration) (release func(), err error) {
	for {
		lock := NewLock(path)
		_, err = lock.TryLockContext(ctx, poll)
		if err == nil && stillNamed(lock) {
			return func() { lock.Close() }, nil
		}
		lock.Close()
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return nil, err
		}
	}
}

// NewLock is flock(2) on a file that is made if there is none, and is not taken
// yet. What is in its place may be anything: nothing waits for it to be opened.
func NewLock(path string) *flock.Flock {
	prepare(path)
	return flock.New(path, flock.SetFlag(os.O_CREATE|os.O_RDONLY|NonBlocking), flock.SetPermissions(0o600))
}

// stillNamed reports whether the locked file is still the one that others find.
func stillNamed(lock *flock.Flock) bool {
	locked, err := lock.Stat()
	if err != nil {
		return true // it cannot be found out
	}
	named, err := os.Stat(lock.Path())
	return err == nil && os.SameFile(locked, named)
}

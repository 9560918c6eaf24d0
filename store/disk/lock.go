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

// LockFile is the file of a home that a refresh locks. Codex locks it as well, from
// 0.169.0 on.
const LockFile = "auth.lock"

// UnreadableFile keeps what stood in auth.json and was no login, when a login or a
// logout takes it away.
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

// NewRefreshLock returns the lock of home. It makes and opens nothing yet.
func NewRefreshLock(home string, log *slog.Logger, step Step) *RefreshLock {
	return &RefreshLock{home: home, log: log, step: step, turn: make(chan struct{}, 1)}
}

// Acquire waits for the lock until ctx ends, and returns its error then. If the disk
// cannot lock, it logs that once and goes on, because no promise rests on the lock;
// then only the users of this value exclude each other. It returns an error if the
// home does not exist. Call unlock exactly once.
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

// Lock waits for flock(2) on a file, which it makes if there is none. It starts again
// if another file took that name meanwhile, because other processes then wait at that
// one. Two locks of one process exclude each other too. It returns an error if ctx
// ends, or if the file cannot be locked at all.
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

// NewLock returns flock(2) on a file, not taken yet. It makes the file if there is
// none. Whatever stands in its place, opening it does not block.
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

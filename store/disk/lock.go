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

	"github.com/bezoar-auth/bezoar/store/system"
)

// LockFile is the file of a home that a refresh locks. Codex locks it as well, from
// 0.169.0 on.
const LockFile = "auth.lock"

// RefreshLock is the lock of one home, whatever store its login is in: polite
// processes refresh one after the other. It is the lock of [LockFile], which is
// never removed.
type RefreshLock struct {
	home   string
	log    *slog.Logger
	disk   Disk
	turn   chan struct{} // full while a caller with this value has the lock
	noLock sync.Once     // one line of the log says that there is no lock to be had
}

// NewRefreshLock returns the lock of home. It makes and opens nothing yet.
func (d Disk) NewRefreshLock(home string, log *slog.Logger) *RefreshLock {
	return &RefreshLock{home: home, log: log, disk: d, turn: make(chan struct{}, 1)}
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
	l.disk.Step("lock: create")
	release, err = l.disk.Lock(ctx, filepath.Join(l.home, LockFile), turnPoll)
	switch {
	case err == nil:
		return release, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	}
	if _, missing := os.Stat(l.home); errors.Is(missing, fs.ErrNotExist) { // and not the end of a link in it
		return nil, fmt.Errorf("home %s does not exist", l.home)
	}
	l.noLock.Do(func() { l.log.Warn("there is no lock to be had, going on without", "error", err) })
	return func() {}, nil
}

const turnPoll = 5 * time.Millisecond // a post takes a hundred

// Lock waits for the lock of a file, which it makes if there is none. It starts again
// if another file took that name meanwhile, because other processes then wait at that
// one. Two locks of one process exclude each other too. It returns an error if ctx
// ends, or if the file cannot be locked at all.
func (d Disk) Lock(ctx context.Context, path string, poll time.Duration) (release func(), err error) {
	lock, err := d.TakeLock(ctx, path, poll)
	if err != nil {
		return nil, err
	}
	return func() { lock.Close() }, nil
}

// TakeLock is Lock for a caller that may leave the lock to another process.
func (d Disk) TakeLock(ctx context.Context, path string, poll time.Duration) (system.Lock, error) {
	for {
		lock := d.NewLock(path)
		_, err := Await(ctx, lock.TryLock, poll)
		if err == nil && stillNamed(lock, path) {
			return lock, nil
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

// seldom is how many times poll the longest pause between two tries is.
const seldom = 10

// Await tries until a lock is had. It returns the error of try, and that of ctx when it
// ends. The first pause is poll, and each is an eighth longer than the one before: so the
// lock is had at most an eighth of the wait too late, and many processes that wait for long
// leave the processors to the one that has it. A try every 5 ms takes an eighth of a
// processor under Wine 10, and as much of its server again.
func Await(ctx context.Context, try func() (bool, error), poll time.Duration) (locked bool, err error) {
	for pause := poll; ; pause = min(pause+pause/8, seldom*poll) {
		if err := ctx.Err(); err != nil {
			return false, err
		}
		if locked, err := try(); locked || err != nil {
			return locked, err
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

// NewLock returns the lock of a file, not taken yet. It makes the file if there is
// none. Whatever stands in its place, opening it does not block.
func (d Disk) NewLock(path string) system.Lock {
	d.prepare(path)
	return d.System().NewLock(path)
}

// stillNamed reports whether the locked file is still the one that others find.
func stillNamed(lock system.Lock, path string) bool {
	locked, err := lock.Stat()
	if err != nil {
		return true // it cannot be found out
	}
	named, err := os.Stat(path)
	return err == nil && os.SameFile(locked, named)
}

// LockContent waits for a file itself, whatever names it has: one that is mounted
// or linked into several homes has a lock file in each of them, and the content is
// all that they share. It does not hinder [system.System.NewContentLock] on the same file,
// so that a login can be written meanwhile. When it is had, the file is the one that has
// this name.
//
// It is an error if ctx ends. Where nothing can be locked (there is no file, it may
// not be written to, the system or the disk does not lock) one goes on without.
func (d Disk) LockContent(ctx context.Context, path string, poll time.Duration) (release func(), err error) {
	for {
		file, info, err := d.Open(path, os.O_RDWR)
		if err != nil {
			return func() {}, nil
		}
		locked, err := Await(ctx, func() (bool, error) { return d.System().LockRange(file) }, poll)
		if locked {
			if named, err := os.Stat(path); err == nil && !os.SameFile(info, named) {
				file.Close()
				continue // another one was put in its place
			}
			return func() { file.Close() }, nil
		}
		file.Close()
		if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
			return nil, err
		}
		return func() {}, nil
	}
}

package file

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/bezoar-auth/bezoar/store/disk"
)

// Lock implements [persist.Store] with these locks, in this order: that of the home (see
// [disk.RefreshLock]), that of the folder which the file of the record links to, and that of the file
// which has the login. The others are for homes that share the file: through a symbolic
// link, or mounted into two containers, or by a second name. Before the last one, Lock
// recovers what a crash left, because that may put another file in place.
func (s *Store) Lock(ctx context.Context) (unlock func(), err error) {
	unlockHome, err := s.lock.Acquire(ctx)
	if err != nil {
		return nil, err
	}
	where, err := s.find()
	if err != nil {
		return unlockHome, nil // what is wrong with it, the refresh will say
	}
	unlockFolder, err := s.lockFolder(ctx, where)
	if err != nil {
		unlockHome()
		return nil, err
	}
	s.sweep(ctx, where)
	unlockFile, err := s.disk.LockContent(ctx, where.path, contentPoll)
	if err != nil {
		unlockFolder()
		unlockHome()
		return nil, err
	}
	return func() {
		unlockFile()
		unlockFolder()
		unlockHome()
	}, nil
}

// lockFolder locks the folder that the file of the record links to as if it were a home, which it may be.
// Unlike the lock of the file, every system has this one, and it keeps no program from replacing
// the file. It returns an error if ctx ends; a folder that takes no lock has to do without.
func (s *Store) lockFolder(ctx context.Context, where place) (unlock func(), err error) {
	if where.path == s.path() || isSame(s.home, where.folder) {
		return func() {}, nil
	}
	unlock, err = s.disk.Lock(ctx, where.folder+disk.LockFile, contentPoll)
	if err != nil {
		return func() {}, ctx.Err()
	}
	return unlock, nil
}

// isSame reports whether two names are those of one folder, whose lock is taken already, or
// whether that cannot be found out.
func isSame(one, other string) bool {
	first, err := os.Stat(one)
	if err != nil {
		return true
	}
	second, err := os.Stat(other)
	return err != nil || os.SameFile(first, second)
}

// contentPoll is the time between two tries to lock a file that another home has.
const contentPoll = 5 * time.Millisecond

// commitPatience is how long a write waits for another write.
const commitPatience = 5 * time.Second

// lockCommit keeps apart what puts another file in the place of the login, or takes it away,
// with the lock file that Codex 0.169.0 uses for the same: a login and a logout wait for a swap
// that has compared, and is about to rename. Whether that one can exchange the files instead, so
// that it undoes neither, is known of no disk before it was tried. The lock is had for a few system
// calls, and never for a refresh. On timeout a caller goes on without: what it has to write is
// all there is of a login.
func (s *Store) lockCommit(ctx context.Context, path string) (unlock func()) {
	ctx, cancel := context.WithTimeout(ctx, commitPatience)
	defer cancel()
	lock := s.disk.NewLock(path + ".lock")
	disk.Await(ctx, lock.TryLock, lockPoll)
	return func() { lock.Close() }
}

// lockContent locks the file itself for a write in place: it has one inode under all
// its names. Where the file system cannot lock, the write goes on without; where
// another process holds the lock, it does not, because two such writes at once destroy
// both logins.
func (s *Store) lockContent(ctx context.Context, path string) (unlock func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, commitPatience)
	defer cancel()
	lock := s.disk.System().NewContentLock(path)
	locked, err := lock.TryLock() // a process that stood still has no time left, and need not wait
	if locked || err != nil {
		return func() { lock.Close() }, nil
	}
	if _, err := disk.Await(ctx, lock.TryLock, lockPoll); err != nil && ctx.Err() != nil {
		lock.Close()
		return nil, fmt.Errorf("wait for another writer: %w", err)
	}
	return func() { lock.Close() }, nil
}

// journalLock keeps appends out of a compaction, where the file system can lock. It is
// a file of its own, because a compaction replaces the journal.
type journalLock struct {
	disk disk.Disk
	path string
}

const (
	lockPatience = time.Second // a compaction takes milliseconds, unless its process is stopped
	lockPoll     = time.Millisecond
)

// share waits for a compaction to end. On timeout, or where there is no lock, the
// append goes on without.
func (l journalLock) share() (release func()) {
	ctx, cancel := context.WithTimeout(context.Background(), lockPatience)
	defer cancel()
	lock := l.disk.NewLock(l.path)
	disk.Await(ctx, lock.TryRLock, lockPoll)
	return func() { lock.Close() }
}

// exclude reports whether no other process appends now, as far as a lock can show.
func (l journalLock) exclude() (release func(), alone bool) {
	lock := l.disk.NewLock(l.path)
	locked, err := lock.TryLock()
	return func() { lock.Close() }, locked || err != nil
}

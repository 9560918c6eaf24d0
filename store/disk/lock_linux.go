package disk

import (
	"context"
	"errors"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// LockContent waits for a file itself, whatever names it has: one that is mounted
// or linked into several homes has a lock file in each of them, and the content is
// all that they share. It is a lock of an open file description (fcntl_locking(2)),
// which does not hinder flock(2) on the same file, so that a login can be written
// meanwhile. When it is had, the file is the one that has this name.
//
// It is an error if ctx ends. Where nothing can be locked (there is no file, it may
// not be written to, the file system does not lock) one goes on without.
func LockContent(ctx context.Context, path string, poll time.Duration) (release func(), err error) {
	for {
		file, info, err := Open(path, os.O_RDWR)
		if err != nil {
			return func() {}, nil
		}
		locked, err := lockAll(ctx, file, poll)
		if err == nil && locked {
			if named, err := os.Stat(path); err == nil && !os.SameFile(info, named) {
				file.Close()
				continue // another one was put in its place
			}
			return func() { file.Close() }, nil
		}
		file.Close()
		if err != nil {
			return nil, err
		}
		return func() {}, nil
	}
}

// lockAll reports whether there is a lock to be had. It is an error if ctx ends.
func lockAll(ctx context.Context, file *os.File, poll time.Duration) (locked bool, err error) {
	for {
		lock := unix.Flock_t{Type: unix.F_WRLCK, Whence: io.SeekStart} // from the begin to wherever it ends
		err := unix.FcntlFlock(file.Fd(), unix.F_OFD_SETLK, &lock)
		if !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EACCES) {
			return err == nil, nil
		}
		select {
		case <-ctx.Done():
			return false, ctx.Err()
		case <-time.After(poll):
		}
	}
}

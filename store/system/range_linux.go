package system

import (
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// LockRange relies on the lock of an open file description (fcntl_locking(2)), which does
// not hinder flock(2) on the same file. The range is from the begin to wherever it ends.
func (here) LockRange(file *os.File) (locked bool, err error) {
	lock := unix.Flock_t{Type: unix.F_WRLCK, Whence: io.SeekStart}
	err = unix.FcntlFlock(file.Fd(), unix.F_OFD_SETLK, &lock)
	switch {
	case err == nil:
		return true, nil
	case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EACCES):
		return false, nil
	}
	return false, errors.ErrUnsupported
}

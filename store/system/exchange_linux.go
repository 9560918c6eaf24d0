package system

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// Exchange relies on RENAME_EXCHANGE of renameat2(2): the exchange is atomic. A kernel or
// a disk without it says EINVAL or ENOSYS.
func (here) Exchange(a, b string) error {
	err := unix.Renameat2(unix.AT_FDCWD, a, unix.AT_FDCWD, b, unix.RENAME_EXCHANGE)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.EINVAL), errors.Is(err, unix.ENOSYS), errors.Is(err, unix.ENOTSUP):
		return errors.ErrUnsupported
	}
	return &os.LinkError{Op: "exchange", Old: a, New: b, Err: err}
}

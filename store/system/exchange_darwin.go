package system

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// Exchange relies on RENAME_SWAP of renamex_np(2): the exchange is atomic, on a file
// system with VOL_CAP_INT_RENAME_SWAP (getattrlist(2)), as APFS. Any other says ENOTSUP.
func (here) Exchange(a, b string) error {
	err := unix.RenamexNp(a, b, unix.RENAME_SWAP)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.ENOTSUP), errors.Is(err, unix.EINVAL), errors.Is(err, unix.ENOSYS):
		return errors.ErrUnsupported
	}
	return &os.LinkError{Op: "exchange", Old: a, New: b, Err: err}
}

//go:build unix

package doctor

import (
	"errors"
	"os"
	"syscall"
)

// ownerOf is whose file it is, and whether that is who runs this program. What
// cannot be asked is ours: the look at it tells more.
func ownerOf(path string) (id int, isOurs bool) {
	info, err := os.Stat(path)
	if err != nil {
		return os.Geteuid(), true
	}
	id = int(info.Sys().(*syscall.Stat_t).Uid)
	return id, id == os.Geteuid()
}

// openFileLimit is how many files this process may have open.
func openFileLimit() (limit uint64, known bool) {
	var is syscall.Rlimit
	err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &is)
	return uint64(is.Cur), err == nil
}

// isFull reports whether there is no room on a disk, or none left of this user's.
func isFull(err error) bool { return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) }

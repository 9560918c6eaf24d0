//go:build unix

package doctor

import (
	"errors"
	"os"
	"syscall"
)

// ownerOf is the owner of a file, and whether that is the user of this program. A file
// that cannot be asked counts as ours: reading it reports more.
func ownerOf(path string) (id int, ours bool) {
	info, err := os.Stat(path)
	if err != nil {
		return os.Geteuid(), true
	}
	id = int(info.Sys().(*syscall.Stat_t).Uid)
	return id, id == os.Geteuid()
}

// openFileLimit is the limit of open files of this process.
func openFileLimit() (limit uint64, known bool) {
	var is syscall.Rlimit
	err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &is)
	return uint64(is.Cur), err == nil
}

// isFull reports whether the disk, or the quota of this user, is full.
func isFull(err error) bool { return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) }

// isReadOnly reports whether the disk takes nothing.
func isReadOnly(err error) bool { return errors.Is(err, syscall.EROFS) }

// isOutOfFiles reports whether too many files are open.
func isOutOfFiles(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE)
}

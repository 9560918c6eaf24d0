package file

import (
	"errors"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/bezoar-auth/bezoar/machine/persist"
)

func stampOf(info os.FileInfo) persist.Stamp {
	stat := info.Sys().(*syscall.Stat_t)
	return persist.Stamp{Inode: stat.Ino, Size: stat.Size, Modified: stat.Mtim.Nano(), Changed: stat.Ctim.Nano()}
}

// hasOtherNames reports whether the file has a second hard link.
func hasOtherNames(info os.FileInfo) bool { return info.Sys().(*syscall.Stat_t).Nlink > 1 }

// hasNoName reports whether the file was removed, or replaced: it can be seen only
// where it was mounted.
func hasNoName(info os.FileInfo) bool { return info.Sys().(*syscall.Stat_t).Nlink == 0 }

// ownedByUser reports whether the file is this user's, or this is root.
func ownedByUser(info os.FileInfo) bool {
	user := os.Geteuid()
	return user == 0 || int(info.Sys().(*syscall.Stat_t).Uid) == user
}

// attributes tells of a file what a rename would run against. A kernel before
// 5.8 does not know; then the rename itself says so.
func attributes(path string) (mounted, immutable bool) {
	var stat unix.Statx_t
	if err := unix.Statx(unix.AT_FDCWD, path, unix.AT_SYMLINK_NOFOLLOW, unix.STATX_TYPE, &stat); err != nil {
		return false, false
	}
	known := stat.Attributes & stat.Attributes_mask
	return known&unix.STATX_ATTR_MOUNT_ROOT != 0, known&(unix.STATX_ATTR_IMMUTABLE|unix.STATX_ATTR_APPEND) != 0
}

// exchange lets two files have each other's name, in one step (renameat2(2)).
// It returns [errors.ErrUnsupported] where the system cannot.
func exchange(a, b string) error {
	err := unix.Renameat2(unix.AT_FDCWD, a, unix.AT_FDCWD, b, unix.RENAME_EXCHANGE)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.EINVAL), errors.Is(err, unix.ENOSYS), errors.Is(err, unix.ENOTSUP):
		return errors.ErrUnsupported
	}
	return &os.LinkError{Op: "exchange", Old: a, New: b, Err: err}
}

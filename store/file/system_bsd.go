//go:build darwin || freebsd || netbsd

package file

import (
	"errors"
	"os"
	"syscall"

	"github.com/bezoar-auth/bezoar/machine/persist"
)

func stampOf(info os.FileInfo) persist.Stamp {
	stat := info.Sys().(*syscall.Stat_t)
	return persist.Stamp{
		Inode: uint64(stat.Ino), Size: stat.Size,
		Modified: stat.Mtimespec.Nano(), Changed: stat.Ctimespec.Nano(),
	}
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

func attributes(string) (mounted, immutable bool) { return false, false }

func exchange(_, _ string) error { return errors.ErrUnsupported }

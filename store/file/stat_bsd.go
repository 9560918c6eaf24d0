//go:build darwin || freebsd || netbsd

package file

import (
	"os"
	"syscall"

	"github.com/bezoar-auth/bezoar/store"
)

func stampOf(info os.FileInfo) store.Stamp {
	stat := info.Sys().(*syscall.Stat_t)
	return store.Stamp{
		Inode: uint64(stat.Ino), Size: stat.Size,
		Modified: stat.Mtimespec.Nano(), Changed: stat.Ctimespec.Nano(),
	}
}

// hasOtherNames reports whether the file has a second hard link.
func hasOtherNames(info os.FileInfo) bool { return info.Sys().(*syscall.Stat_t).Nlink > 1 }

func attributes(string) (isMounted, isImmutable bool) { return false, false }

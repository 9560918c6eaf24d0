//go:build unix

package file

import (
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/bezoar-auth/bezoar/store/disk"
)

// canMakeFile reports why no file of the size of a login can be made in a folder, as
// far as access(2) and statfs(2) can tell. Quotas show only in a try.
func canMakeFile(folder string) error {
	if err := unix.Access(folder, unix.W_OK|unix.X_OK); err != nil {
		return &fs.PathError{Op: "write to", Path: folder, Err: err}
	}
	var stat unix.Statfs_t
	if err := unix.Statfs(folder, &stat); err != nil {
		return nil // it is not said, so a try has to show it
	}
	free := uint64(stat.Bavail)
	if os.Geteuid() == 0 { // the blocks that are held back are root's
		free = uint64(stat.Bfree)
	}
	noFiles := stat.Files > 0 && stat.Ffree == 0
	if stat.Blocks > 0 && free*uint64(stat.Bsize) < disk.RoomMargin || noFiles {
		return &fs.PathError{Op: "write to", Path: folder, Err: syscall.ENOSPC}
	}
	return nil
}

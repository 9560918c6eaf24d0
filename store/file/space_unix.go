//go:build unix

package file

import (
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// canMakeFile reports why no file of the size of a login can be made in a folder, as
// far as access(2) and statfs(2) can tell. Quotas show only in a try.
func canMakeFile(folder string) error {
	if err := unix.Access(folder, unix.W_OK|unix.X_OK); err != nil {
		return &fs.PathError{Op: "write to", Path: folder, Err: err}
	}
	var disk unix.Statfs_t
	if err := unix.Statfs(folder, &disk); err != nil {
		return nil // it is not said, so a try has to show it
	}
	free := uint64(disk.Bavail)
	if os.Geteuid() == 0 { // the blocks that are held back are root's
		free = uint64(disk.Bfree)
	}
	hasNoFiles := disk.Files > 0 && disk.Ffree == 0
	if disk.Blocks > 0 && free*uint64(disk.Bsize) < reserveMargin || hasNoFiles {
		return &fs.PathError{Op: "write to", Path: folder, Err: syscall.ENOSPC}
	}
	return nil
}

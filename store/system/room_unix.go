//go:build !windows

package system

import (
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// HasRoom relies on access(2) and statfs(2). Quotas show only in a try.
func (here) HasRoom(folder string, bytes int) error {
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
	if stat.Blocks > 0 && free*uint64(stat.Bsize) < uint64(bytes) || noFiles {
		return &fs.PathError{Op: "write to", Path: folder, Err: syscall.ENOSPC}
	}
	return nil
}

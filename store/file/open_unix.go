//go:build unix

package file

import (
	"os"
	"syscall"
)

// keepOwner gives a new file to the owner of the one it takes the place of:
// who runs this with sudo would otherwise lock themselves out. Nobody else may,
// and to them the file belongs already, or will from now on.
func keepOwner(file *os.File, old string) {
	if info, err := os.Stat(old); err == nil {
		stat := info.Sys().(*syscall.Stat_t)
		_ = file.Chown(int(stat.Uid), int(stat.Gid))
	}
}

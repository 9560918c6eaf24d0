//go:build !windows

package system

import (
	"errors"
	"os"
	"syscall"
)

// Sync relies on fsync(2): it returns when the disk says that it has the file. On macOS
// fsync(2) leaves the file in the cache of the disk; there os.File.Sync calls F_FULLFSYNC of
// fcntl(2) in its place, which does not, and fsync(2) for a file system that has no such
// call, as SMB (internal/poll/fd_fsync_darwin.go).
func (here) Sync(file *os.File) error { return file.Sync() }

// SyncFolder relies on fsync(2) of the folder, which is what makes a name durable. A
// file system that cannot sync a folder says so in one of several ways, which are no
// errors, as PostgreSQL has it (fsync_fname in fd.c: EBADF and EINVAL): it orders its
// names itself, or it is one that loses them with the power, and no program can help
// that. An error that is left is a disk that fails.
func (here) SyncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	defer folder.Close()
	if err := folder.Sync(); err != nil && !cannotSync(err) {
		return err
	}
	return nil
}

// cannotSync reports that a folder cannot be synced at all. EPERM, EACCES and
// EISDIR are what some FUSE and network file systems answer.
func cannotSync(err error) bool {
	for _, each := range []error{syscall.EBADF, syscall.EINVAL, syscall.EPERM, syscall.EACCES, syscall.EISDIR, errors.ErrUnsupported} {
		if errors.Is(err, each) {
			return true
		}
	}
	return false
}

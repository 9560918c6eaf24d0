//go:build !windows

package system

import (
	"io/fs"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// A file system that cannot sync a folder at all says so in one of these ways; any
// other error is of a disk that fails.
func TestAFolderThatCannotBeSyncedIsNotADiskThatFails(t *testing.T) {
	for _, each := range []error{syscall.EBADF, syscall.EINVAL, syscall.EPERM, syscall.EACCES, syscall.EISDIR, syscall.ENOSYS, syscall.ENOTSUP} {
		require.True(t, cannotSync(&fs.PathError{Op: "sync", Path: "folder", Err: each}), each)
	}
	for _, each := range []error{syscall.EIO, syscall.ENOSPC, syscall.EROFS} {
		require.False(t, cannotSync(&fs.PathError{Op: "sync", Path: "folder", Err: each}), each)
	}
}

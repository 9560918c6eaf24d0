package disk

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func noStep(string) {}

func TestAFileIsMadeOnceForItsOwnerAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	var steps []string
	require.NoError(t, Create(path, []byte("first"), func(step string) { steps = append(steps, step) }))
	require.Equal(t, []string{"create", "write", "sync", "sync folder of the new file"}, steps)
	require.ErrorIs(t, Create(path, []byte("second"), noStep), fs.ErrExist)
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "first", string(content))
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode())
}

func TestToRemoveWhatIsNotThereIsNoErrorAndAFolderIsOne(t *testing.T) {
	home := t.TempDir()
	folder := filepath.Join(home, "folder")
	require.NoError(t, os.Mkdir(folder, 0o700))
	require.ErrorContains(t, Remove(folder, noStep), "it is a folder")
	require.DirExists(t, folder)
	require.NoError(t, Remove(filepath.Join(home, "nothing"), noStep))
	require.NoError(t, Create(filepath.Join(home, "file"), nil, noStep))
	require.NoError(t, Remove(filepath.Join(home, "file"), noStep))
	require.NoFileExists(t, filepath.Join(home, "file"))
}

// A lock file that is replaced while others wait at it does not let two in.
func TestALockIsTheOneThatOthersFind(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	release, err := Lock(t.Context(), path, time.Millisecond)
	require.NoError(t, err)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = Lock(ended, path, time.Millisecond)
	require.ErrorIs(t, err, context.Canceled)

	require.NoError(t, os.Remove(path))
	next, err := Lock(t.Context(), path, time.Millisecond)
	require.NoError(t, err, "the one that is held is no lock any more")
	release()
	limited, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err = Lock(limited, path, time.Millisecond)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	next()
}

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

func TestWhatIsNoFileOrTooLargeIsNotRead(t *testing.T) {
	home := t.TempDir()
	_, _, err := Read(home, 1)
	noFile := new(NotAFileError)
	require.ErrorAs(t, err, &noFile)
	path := filepath.Join(home, "file")
	require.NoError(t, os.WriteFile(path, []byte("four"), 0o600))
	content, _, err := Read(path, 4)
	require.NoError(t, err)
	require.Equal(t, "four", string(content))
	_, _, err = Read(path, 3)
	require.ErrorIs(t, err, ErrTooLarge)
}

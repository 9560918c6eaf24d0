package disk

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// opened is how often this process has a file open.
func opened(t *testing.T, path string) (times int) {
	descriptors, err := filepath.Glob("/proc/self/fd/*")
	require.NoError(t, err)
	for _, each := range descriptors {
		if target, err := os.Readlink(each); err == nil && target == path {
			times++
		}
	}
	return times
}

func TestTheContentThatIsLockedIsTheOneInPlace(t *testing.T) {
	home, err := filepath.EvalSymlinks(t.TempDir()) // as /proc names it
	require.NoError(t, err)
	path := filepath.Join(home, "auth.json")
	require.NoError(t, os.WriteFile(path, []byte("old"), 0o600))
	unlock, err := Here.LockContent(t.Context(), path, time.Millisecond)
	require.NoError(t, err)
	patient, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	locked := make(chan func(), 1)
	go func() {
		unlock, _ := Here.LockContent(patient, path, time.Millisecond)
		locked <- unlock
	}()
	require.Eventually(t, func() bool { return opened(t, path) == 2 }, time.Minute, time.Millisecond, "it waits for the old one")
	require.NoError(t, os.WriteFile(path+".new", []byte("new"), 0o600))
	require.NoError(t, os.Rename(path+".new", path))
	unlock()
	unlock = <-locked
	require.NotNil(t, unlock)
	impatient, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err = Here.LockContent(impatient, path, time.Millisecond)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	unlock()
}

// Such a link may lead into a folder of the last boot.
func TestALockFileThatLeadsNowhereKeepsNoRefreshAway(t *testing.T) {
	home := t.TempDir()
	require.NoError(t, os.Symlink("nowhere/lock", filepath.Join(home, LockFile)))
	unlock, err := Here.NewRefreshLock(home, slog.New(slog.DiscardHandler)).Acquire(t.Context())
	require.NoError(t, err)
	unlock()
	_, err = Here.NewRefreshLock(filepath.Join(home, "none"), slog.New(slog.DiscardHandler)).Acquire(t.Context())
	require.ErrorContains(t, err, "does not exist")
}

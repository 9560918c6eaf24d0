package system_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/store/system"
)

// A try for a lock that is had leaves nothing locked behind its back.
func TestALockThatIsTakenTwiceIsReleasedOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	took := func(locked bool, err error) {
		t.Helper()
		require.NoError(t, err)
		require.True(t, locked)
	}
	one, other := system.Here.NewLock(path), system.Here.NewLock(path)
	took(one.TryRLock())
	took(one.TryRLock())
	require.NoError(t, one.Close())
	took(other.TryLock())
	locked, err := one.TryRLock()
	require.NoError(t, err)
	require.False(t, locked)
	require.NoError(t, other.Close())
	took(one.TryLock())
	require.NoError(t, one.Close())
}

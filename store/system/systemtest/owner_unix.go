//go:build !windows

package systemtest

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// RequireForOwnerAlone demands that no user but its owner, and who may do everything, can
// read or change a file, or list a folder.
func RequireForOwnerAlone(t testing.TB, path string) {
	t.Helper()
	info, err := os.Stat(path)
	require.NoError(t, err)
	want := os.FileMode(0o600)
	if info.IsDir() {
		want = 0o700
	}
	require.Equal(t, want, info.Mode().Perm(), path)
}

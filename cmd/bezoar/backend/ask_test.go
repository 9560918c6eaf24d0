package backend

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/protocol/front/surface"
)

func TestSurfaceIsWhatTheProgramWrites(t *testing.T) {
	scratch := t.TempDir()
	for _, name := range []string{"TMPDIR", "TMP"} { // the latter on Windows
		t.Setenv(name, scratch)
	}
	t.Setenv("HOME_OF_USER", t.TempDir())
	table, err := acting("schema", "-c", "a=b", "app-server", "--strict-config").Surface(context.Background())
	require.NoError(t, err)
	require.Equal(t, map[string]surface.Method{"new": {}}, table.Methods)
	require.NoFileExists(t, filepath.Join(os.Getenv("HOME_OF_USER"), "touched"))
	left, err := os.ReadDir(scratch)
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestSurfaceIsNotLearnedFromOtherPrograms(t *testing.T) {
	for _, act := range []string{"fail", "idle"} {
		_, err := acting(act, "app-server").Surface(context.Background())
		require.Error(t, err, act)
	}
	_, err := Command{Words: []string{"wrapper"}, Path: "/wrapper"}.Surface(context.Background())
	require.ErrorIs(t, err, ErrNotAsked)
}

func TestSurfaceIsGivenUpWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	start := time.Now()
	_, err := acting("deaf", "app-server").Surface(ctx)
	require.Error(t, err)
	require.Less(t, time.Since(start), patience)
}

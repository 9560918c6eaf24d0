package system

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// A process that /proc does not show may live all the same.
func TestAProcessThatIsHiddenIsNotGone(t *testing.T) {
	shown := proc
	proc = t.TempDir()
	defer func() { proc = shown }()
	started, err := Here.Started(os.Getpid())
	require.NoError(t, err)
	require.Empty(t, started)
	const never = 1 << 30
	_, err = Here.Started(never)
	require.ErrorIs(t, err, os.ErrProcessDone)
}

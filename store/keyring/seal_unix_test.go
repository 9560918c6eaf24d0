//go:build unix

package keyring

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWhatIsNoFileIsNotWaitedFor(t *testing.T) {
	s, _, file := sealedLogin(t)
	require.NoError(t, os.Remove(file))
	require.NoError(t, syscall.Mkfifo(file, 0o600))
	_, err := s.Load(background)
	requireUnreadable(t, err)
	require.NoError(t, os.Remove(file))
	require.NoError(t, os.Mkdir(file, 0o700))
	_, err = s.Load(background)
	requireUnreadable(t, err)
	require.NoError(t, s.Replace(background, oldLogin))
	require.Equal(t, "old", stored(t, s))
}

func TestASealedFileThatCannotBeReadIsUnavailable(t *testing.T) {
	s, _, file := sealedLogin(t)
	require.NoError(t, os.Remove(file))
	require.NoError(t, os.Symlink(filepath.Base(file), file)) // it leads to itself
	_, err := s.Load(background)
	requireUnavailable(t, err, "read a sealed login")
}

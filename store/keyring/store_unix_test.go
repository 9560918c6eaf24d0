//go:build unix

package keyring

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine/machinetest"
	"github.com/bezoar-auth/bezoar/store/storetest"
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

func TestAHomeIsTheSameThroughALink(t *testing.T) {
	home, ring := machinetest.Dir(t), new(vault)
	require.NoError(t, os.Mkdir(filepath.Join(home, "real"), 0o700))
	link := filepath.Join(home, "link")
	require.NoError(t, os.Symlink("real", link))
	require.NoError(t, openQuiet(link, ring, 0).Replace(background, storetest.Key(1)))
	s := openQuiet(filepath.Join(home, "real"), ring, 0)
	require.NoError(t, s.Replace(background, newLogin))
	require.Equal(t, "new", stored(t, openQuiet(link, ring, 0)))
	require.Len(t, ring.items, 1)
}

package fallback

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine/machinetest"
	"github.com/bezoar-auth/bezoar/machine/persist"
)

// TestEarlierSourceVoidsAnOlderLogin reads the auth.source of a home that an earlier
// build left, see store/file/testdata/home-82ef7bc/README.md.
func TestEarlierSourceVoidsAnOlderLogin(t *testing.T) {
	home, r := machinetest.Dir(t), new(ring)
	require.NoError(t, os.CopyFS(home, os.DirFS("../file/testdata/home-82ef7bc/auto")))
	since := time.Date(2026, 11, 30, 21, 23, 50, 466371002, time.UTC)
	s := open(home, r, 0, Options{})
	mark, err := s.readSource()
	require.NoError(t, err)
	require.True(t, since.Equal(mark.FileSince))
	record, err := s.Load(background)
	require.NoError(t, err, "the login is in auth.json")
	require.NotZero(t, record.Credential)

	note, err := os.ReadFile(filepath.Join(home, sourceFile))
	require.NoError(t, err)
	require.NoError(t, os.Remove(filepath.Join(home, "auth.json")))
	for at, counts := range map[time.Time]bool{since: false, since.Add(time.Second): true} {
		login := oldLogin
		login.LastRefresh = at
		require.NoError(t, s.keyring.Replace(background, login))
		require.NoError(t, os.WriteFile(filepath.Join(home, sourceFile), note, 0o600))
		_, err := s.Load(background)
		if counts {
			require.NoError(t, err, "another program put a later login into the keyring")
		} else {
			require.ErrorIs(t, err, persist.ErrNotFound, "the keyring had this login before")
		}
	}
}

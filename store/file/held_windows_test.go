package file

import (
	"path/filepath"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/windows"

	"github.com/bezoar-auth/bezoar/machine/machinetest"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/store/system"
)

// What is refreshed while another program does not let go of auth.json is not lost: it stays
// staged beside it, and comes to its place when the program is done.
func TestALoginThatCannotBePutInPlaceStaysBesideIt(t *testing.T) {
	home := machinetest.Dir(t)
	loggedIn(t)(home)
	s := quiet(home)
	base := revisionIn(t, s)
	name, err := windows.UTF16PtrFromString(filepath.Join(home, authFile))
	require.NoError(t, err)
	held, err := windows.CreateFile(name, windows.GENERIC_READ, windows.FILE_SHARE_READ, nil, windows.OPEN_EXISTING, 0, 0)
	require.NoError(t, err)
	synctest.Test(t, func(t *testing.T) {
		undurable := new(persist.NotDurableError)
		err := s.Swap(background, base, newLogin)
		require.ErrorAs(t, err, &undurable)
		require.True(t, undurable.Staged)
		require.ErrorIs(t, err, system.ErrHeld)
		require.Equal(t, "old", stored(t, s), "a reader is not hindered")
	})
	require.NoError(t, windows.CloseHandle(held))
	require.NoError(t, s.Swap(background, base, newLogin))
	require.Equal(t, "new", stored(t, s))
	requireNoLitter(t, home, authFile, commitFile)
}

// A program that lets no other read auth.json makes it unavailable, and says nothing about
// the login in it.
func TestALoginThatIsHeldIsUnavailableAndNotGone(t *testing.T) {
	home := machinetest.Dir(t)
	loggedIn(t)(home)
	name, err := windows.UTF16PtrFromString(filepath.Join(home, authFile))
	require.NoError(t, err)
	held, err := windows.CreateFile(name, windows.GENERIC_READ, 0, nil, windows.OPEN_EXISTING, 0, 0)
	require.NoError(t, err)
	synctest.Test(t, func(t *testing.T) {
		unavailable := new(persist.UnavailableError)
		_, err := quiet(home).Load(background)
		require.ErrorAs(t, err, &unavailable)
		require.ErrorIs(t, err, system.ErrHeld)
		require.ErrorContains(t, err, "another program holds the file open")
	})
	require.NoError(t, windows.CloseHandle(held))
	require.Equal(t, "old", stored(t, quiet(home)))
}

package file

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine/machinetest"
	"github.com/bezoar-auth/bezoar/store/system"
)

// requireExclusive demands that two homes do not refresh at once, whichever comes first.
func requireExclusive(t *testing.T, one, other *Store) {
	t.Helper()
	for _, each := range [][2]*Store{{one, other}, {other, one}} {
		unlock, err := each[0].Lock(background)
		require.NoError(t, err)
		impatient, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		_, err = each[1].Lock(impatient)
		cancel()
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.NoError(t, each[0].Swap(background, revisionIn(t, each[0]), newLogin), "its own lock does not hinder a refresh")
		unlock()
		unlock, err = each[1].Lock(background)
		require.NoError(t, err)
		require.NoError(t, each[1].Replace(background, oldLogin))
		unlock()
	}
}

// Each home has a ledger of its own, so that only a lock keeps two from spending one token.
func TestHomesThatShareAFileBySecondNameTakeTurns(t *testing.T) {
	if runtime.GOOS != "linux" && runtime.GOOS != "windows" {
		t.Skip("this system has no second lock of a file")
	}
	one, other := machinetest.Dir(t), machinetest.Dir(t)
	loggedIn(t)(one)
	require.NoError(t, os.Link(filepath.Join(one, authFile), filepath.Join(other, authFile)))
	requireExclusive(t, quiet(one), quiet(other))
	requireSameFile(t, filepath.Join(one, authFile), filepath.Join(other, authFile))
}

func requireSameFile(t *testing.T, one, other string) {
	t.Helper()
	first, err := os.Stat(one)
	require.NoError(t, err)
	second, err := os.Stat(other)
	require.NoError(t, err)
	require.True(t, os.SameFile(first, second), "%s and %s are two files", one, other)
}

// No system needs a lock of the file itself for that.
func TestAHomeWhoseLoginIsALinkTakesTurnsWithTheOther(t *testing.T) {
	machinetest.SkipUnderWine(t, machinetest.LacksLinks)
	one, other, third := machinetest.Dir(t), machinetest.Dir(t), machinetest.Dir(t)
	loggedIn(t)(one)
	for _, home := range []string{other, third} {
		if err := os.Symlink(filepath.Join(one, authFile), filepath.Join(home, authFile)); err != nil {
			t.Skip("this user may make no links: ", err)
		}
	}
	without := func(home string) *Store {
		s := quiet(home)
		s.disk.On = withoutRange{system.Here}
		return s
	}
	requireExclusive(t, without(one), without(other))
	requireExclusive(t, without(other), without(third))
}

// The folder of the home, by another name, is locked once.
func TestALinkWithinAHomeIsNoSecondLock(t *testing.T) {
	machinetest.SkipUnderWine(t, machinetest.LacksLinks)
	folder := machinetest.Dir(t)
	home := filepath.Join(folder, "home")
	require.NoError(t, os.Mkdir(home, 0o700))
	if err := os.Symlink(filepath.Join(home, "login"), filepath.Join(home, authFile)); err != nil {
		t.Skip("this user may make no links: ", err)
	}
	require.NoError(t, os.Symlink(home, filepath.Join(folder, "name")))
	impatient, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for _, each := range []string{home, filepath.Join(folder, "name")} {
		unlock, err := quiet(each).Lock(impatient)
		require.NoError(t, err)
		unlock()
	}
}

// A process may stand still with the lock of its save, and what comes meanwhile is not given up
// for it.
func TestAWriteGoesOnWithoutALockThatIsNotReleased(t *testing.T) {
	home := machinetest.Dir(t)
	loggedIn(t)(home)
	held := system.Here.NewLock(filepath.Join(home, commitFile))
	defer held.Close()
	locked, err := held.TryLock()
	require.NoError(t, err)
	require.True(t, locked)
	synctest.Test(t, func(t *testing.T) {
		s := quiet(home)
		for _, each := range []struct {
			leaves string
			write  func() error
		}{
			{"new", func() error { return s.Swap(background, revisionIn(t, s), newLogin) }},
			{"other", func() error { return s.Replace(background, otherLogin) }},
			{"none", func() error { return s.Delete(background) }},
		} {
			begun := time.Now()
			require.NoError(t, each.write())
			require.Equal(t, each.leaves, stored(t, s))
			require.Equal(t, 5*time.Second, time.Since(begun), "as cmd/bezoar/docs/home.md says")
		}
	})
}

// withoutRange is a system that has no second lock of a file.
type withoutRange struct{ system.System }

func (withoutRange) LockRange(*os.File) (bool, error) { return false, errors.ErrUnsupported }

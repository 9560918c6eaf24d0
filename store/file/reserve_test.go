//go:build unix

package file

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine/machinetest"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/store/disk"
	"github.com/bezoar-auth/bezoar/store/system"
	"github.com/bezoar-auth/bezoar/store/system/systemtest"
)

var errRefused = &fs.PathError{Op: "exchange", Path: "a temporary name", Err: syscall.EPERM}

func refusing(_, _ string) error { return errRefused }

// held reserves room, and gives it back at the end of the test.
func held(t *testing.T, s *Store) (release func()) {
	t.Helper()
	release, err := s.Reserve(background, oldLogin)
	require.NoError(t, err)
	return release
}

func roomsIn(t *testing.T, home string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(home, authFile+".*"+tempSuffix))
	require.NoError(t, err)
	return found
}

func TestTheRoomThatIsHeldBecomesTheLogin(t *testing.T) {
	home := machinetest.Dir(t)
	loggedIn(t)(home)
	s := quiet(home)
	release := held(t, s)
	require.Len(t, roomsIn(t, home), 1)
	room, err := os.Stat(roomsIn(t, home)[0])
	require.NoError(t, err)
	require.Greater(t, room.Size(), int64(disk.RoomMargin))
	require.NoError(t, s.Swap(background, revisionIn(t, s), newLogin))
	login, err := os.Stat(filepath.Join(home, authFile))
	require.NoError(t, err)
	require.True(t, os.SameFile(room, login), "another file was made, which a full disk has no room for")
	release()
	require.Equal(t, "new", stored(t, s))
	requireNoLitter(t, home, authFile, commitFile)
}

func TestUnusedRoomIsGivenBack(t *testing.T) {
	home := machinetest.Dir(t)
	loggedIn(t)(home)
	s := quiet(home)
	release, other := held(t, s), held(t, s)
	require.Len(t, roomsIn(t, home), 2)
	release()
	require.Len(t, roomsIn(t, home), 1)
	other()
	requireNoLitter(t, home, authFile)
}

func TestRoomThatCannotBeWrittenIntoIsGivenBackAtTheEnd(t *testing.T) {
	home := machinetest.Dir(t)
	loggedIn(t)(home)
	s := quiet(home)
	release := held(t, s)
	require.NoError(t, s.rooms.free[0].file.Close()) // a disk that fails
	require.Error(t, s.Swap(background, revisionIn(t, s), newLogin))
	require.Equal(t, "old", stored(t, s))
	release()
	requireNoLitter(t, home, authFile, commitFile)
}

func TestRoomBesideAnotherFileIsNotUsed(t *testing.T) {
	home, here, there := machinetest.Dir(t), machinetest.Dir(t), machinetest.Dir(t)
	loggedIn(t)(here)
	require.NoError(t, quiet(there).Replace(background, otherLogin))
	link := filepath.Join(home, authFile)
	require.NoError(t, os.Symlink(filepath.Join(here, authFile), link))
	s := quiet(home)
	release := held(t, s)
	require.NoError(t, os.Remove(link))
	require.NoError(t, os.Symlink(filepath.Join(there, authFile), link))
	require.NoError(t, s.Swap(background, revisionIn(t, s), newLogin))
	release()
	require.Equal(t, "new", stored(t, quiet(there)))
	require.Equal(t, "old", stored(t, quiet(here)))
}

// A sandbox may refuse the exchange and allow the rename.
func TestWhereAnExchangeIsRefusedTheFileIsRenamed(t *testing.T) {
	home := machinetest.Dir(t)
	loggedIn(t)(home)
	s := quiet(home)
	s.disk.On = systemtest.WithExchange(refusing)
	release := held(t, s)
	require.NoError(t, s.Swap(background, revisionIn(t, s), newLogin))
	release()
	require.Equal(t, "new", stored(t, s))
	requireNoLitter(t, home, authFile, commitFile)
}

// What cannot be put in place is all that is left of a login: it stays, it is
// said to, this process puts it in place when it can, and else the next one.
func TestANewLoginThatCannotBePutInPlaceIsKept(t *testing.T) {
	stuck := func(t *testing.T) (home string, s *Store, base persist.Revision) {
		home = machinetest.Dir(t)
		loggedIn(t)(home)
		s = quiet(home)
		base = revisionIn(t, s)
		release := held(t, s)
		s.disk.On = systemtest.WithExchange(func(string, string) error { return &os.LinkError{Op: "exchange", Err: syscall.EXDEV} })
		s.disk.Before = func(step string) {
			if step == "swap: sync folder first" { // in place: no such luck either
				require.NoError(t, os.Link(filepath.Join(home, authFile), filepath.Join(home, "aside")))
				require.NoError(t, os.Remove(filepath.Join(home, authFile)))
				require.NoError(t, os.Mkdir(filepath.Join(home, authFile), 0o700))
			}
		}
		err := s.Swap(background, base, newLogin)
		undurable := new(persist.NotDurableError)
		require.ErrorAs(t, err, &undurable)
		require.True(t, undurable.Staged)
		require.NotContains(t, err.Error(), tempSuffix)
		release()
		require.Len(t, roomsIn(t, home), 1)
		require.NoError(t, os.Remove(filepath.Join(home, authFile)))
		require.NoError(t, os.Rename(filepath.Join(home, "aside"), filepath.Join(home, authFile)))
		return home, s, base
	}
	t.Run("ByThisProcess", func(t *testing.T) {
		home, s, base := stuck(t)
		require.ErrorIs(t, reserve(quiet(home), oldLogin), persist.ErrConflict, "its predecessor is spent")
		s.disk = disk.Here
		require.NoError(t, s.Swap(background, base, newLogin))
		require.Equal(t, "new", stored(t, s))
		requireNoLitter(t, home, authFile, commitFile)
	})
	t.Run("ByTheNext", func(t *testing.T) {
		home, _, _ := stuck(t)
		next := quiet(home)
		where, err := next.find()
		require.NoError(t, err)
		for _, each := range where.leftovers() {
			next.recover(background, each)
		}
		require.Equal(t, "new", stored(t, next))
		requireNoLitter(t, home, authFile, commitFile)
	})
}

// A sweep that fails leaves the login for the next one, which may do better.
func TestASweepThatFailsThrowsNothingAway(t *testing.T) {
	home := machinetest.Dir(t)
	loggedIn(t)(home)
	left := leave(t, home, thisOwner(system.Here)())
	require.NoError(t, os.Rename(filepath.Join(home, authFile), filepath.Join(home, "aside")))
	require.NoError(t, os.Mkdir(filepath.Join(home, authFile), 0o700))
	s := quiet(home)
	where, err := s.find()
	require.NoError(t, err)
	sweep := func() {
		for _, each := range where.leftovers() {
			s.recover(background, each)
		}
	}
	sweep()
	require.FileExists(t, left)
	require.NoError(t, os.Remove(filepath.Join(home, authFile)))
	require.NoError(t, os.Rename(filepath.Join(home, "aside"), filepath.Join(home, authFile)))
	sweep()
	require.Equal(t, "new", stored(t, s))
	requireNoLitter(t, home, authFile, commitFile)
}

func TestAFailedWriteNamesTheFileAndNoTemporaryOne(t *testing.T) {
	home := filepath.Join(machinetest.Dir(t), "no folder")
	require.NoError(t, os.WriteFile(home, nil, 0o600))
	var log bytes.Buffer
	s := Open(home, Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
	for _, err := range []error{s.Replace(background, newLogin), reserve(s, oldLogin), s.Delete(context.Background())} {
		if err == nil {
			continue // what is not there is removed
		}
		require.ErrorContains(t, err, filepath.Join(home, authFile)+" cannot be ") // read or written
		require.NotContains(t, err.Error(), tempSuffix)
	}
	undurable := new(persist.NotDurableError)
	require.True(t, errors.As(reserve(s, oldLogin), &undurable))
	require.False(t, undurable.Staged)
}

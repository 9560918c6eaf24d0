package processes

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/engine"
	"github.com/bezoar-auth/bezoar/machine/evidence"
)

// homeFault is a fault of a home, and what must come of a refresh that meets it.
type homeFault struct {
	name      string
	needsDisk bool
	happens   func(t *testing.T, s *scene) // while an engine has the login in use; nil for before
	posts     int
	trouble   evidence.BlockReason // "" if the refresh goes well
	says      string               // in the log; "" for nothing that has to be
}

var homeFaults = []homeFault{
	{"the folder is read-only from the start", true, nil, 0, evidence.BlockStoreNotDurable, "read-only file system"},
	{"the disk becomes read-only", true, remountReadOnly, 0, evidence.BlockStoreNotDurable, "read-only file system"},
	{"the disk is full", true, fillDisk, 0, evidence.BlockStoreNotDurable, "no space left on device"},
	{"the disk has room for an intent and hardly more", true, leaveLittleRoom, 0, evidence.BlockStoreNotDurable, "reserve room"},
	{"the login links into a folder that is read-only", true, linkIntoReadOnly, 0, evidence.BlockStoreNotDurable, "read-only file system"},
	{"the home is removed", true, removeHome, 0, evidence.BlockStoreNotDurable, "does not exist"},
	{"a folder is in place of the login", false, inPlaceOfLogin(makeFolder), 0, evidence.BlockStoreUnavailable, "a folder is in its place"},
	{"a pipe is in place of the login", false, inPlaceOfLogin(makePipe), 0, evidence.BlockStoreUnavailable, "a pipe is in its place"},
	{"a file is in place of the intents", false, inPlaceOf("auth.intents", makeFile), 0, evidence.BlockStoreUnavailable, "read the intents"},
	{"a folder is in place of the ledger", false, inPlaceOf("auth.ledger", makeFolder), 0, evidence.BlockStoreNotDurable, "a folder is in its place"},
	{"a folder is in place of the lock", false, inPlaceOf("auth.lock", makeFolder), 1, "", "there is no lock to be had"},
	{"the login is a symbolic link", false, linkLogin(os.Symlink), 1, "", ""},
	{"the login has a second hard link", false, linkLogin(os.Link), 1, "", ""},
	{"the login is a mount point, which no rename moves", true, mountLogin, 1, "", ""},
}

// TestPostNeedsRoomForItsSuccessor lets an engine with a login in
// use meet a home that is out of order, on a disk of its own. It posts nothing it
// could not keep the answer to, serves what it has, and says what is the matter.
func TestPostNeedsRoomForItsSuccessor(t *testing.T) {
	for _, fault := range homeFaults {
		t.Run(fault.name, func(t *testing.T) {
			s, isMounted := diskScene(t)
			if !isMounted && fault.needsDisk {
				t.Log("no disk may be mounted here")
				return
			}
			if fault.happens == nil {
				remountReadOnly(t, s)
			}
			e := s.engineAt(t, 0)
			if fault.happens != nil {
				fault.happens(t, s)
			}
			e.demand(t)
			state, posts := e.Snapshot(), s.issuer.Counts().Posts
			require.Equal(t, fault.posts, posts)
			require.Equal(t, fault.trouble, state.Blocked())
			require.Contains(t, s.log.String(), fault.says)
			if posts == 0 {
				require.Equal(t, machine.Stale, state.Phase())
				require.Equal(t, s.old.AccessToken.Fingerprint(), state.Token().Fingerprint(), "it is served")
				require.True(t, s.issuer.IsAlive(s.old.RefreshToken))
				return
			}
			require.Equal(t, machine.Fresh, state.Phase())
			require.False(t, state.Unsaved())
			require.True(t, s.issuer.IsAlive(s.stored(t).RefreshToken), "the successor is stored")
		})
	}
}

// The disk fills up when the token is on its way. The room for its successor was
// held before the post, so that it is stored all the same.
func TestFullDiskAfterAPostCostsNothing(t *testing.T) {
	s, isMounted := diskScene(t)
	if !isMounted {
		t.Log("no disk may be mounted here")
		return
	}
	s.settings = func(o *engine.Options) {
		o.Before = func(step string) {
			if step == "save" {
				fillDisk(t, s)
			}
		}
	}
	e := s.engineAt(t, 0)
	e.demand(t)
	state := e.Snapshot()
	require.Equal(t, 1, s.issuer.Counts().Posts)
	require.False(t, state.Unsaved(), s.log.String())
	require.True(t, s.issuer.IsAlive(s.stored(t).RefreshToken))
}

// diskScene is a scene on a small disk of its own, where one may be mounted.
func diskScene(t *testing.T) (s *scene, isMounted bool) {
	s = newScene(t)
	if err := syscall.Mount("tmpfs", s.home, "tmpfs", 0, "size=256k,mode=700"); err != nil {
		require.ErrorIs(t, err, syscall.EPERM)
		return s, false
	}
	t.Cleanup(func() { _ = syscall.Unmount(s.home, syscall.MNT_DETACH) })
	require.NoError(t, replaceLogin(s.home, authJSON(s.account.ID, s.old)))
	return s, true
}

func remountReadOnly(t *testing.T, s *scene) {
	require.NoError(t, syscall.Mount("tmpfs", s.home, "tmpfs", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""))
}

func fillDisk(t *testing.T, s *scene) {
	filler, err := os.Create(filepath.Join(s.home, "filler"))
	require.NoError(t, err)
	defer filler.Close()
	for err == nil {
		_, err = filler.Write(make([]byte, 4096))
	}
	require.ErrorIs(t, err, syscall.ENOSPC)
}

func leaveLittleRoom(t *testing.T, s *scene) {
	fillDisk(t, s)
	path := filepath.Join(s.home, "filler")
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.NoError(t, os.Truncate(path, info.Size()-3*4096))
}

func linkIntoReadOnly(t *testing.T, s *scene) {
	folder := filepath.Join(s.home, "mounted")
	require.NoError(t, makeFolder(folder))
	require.NoError(t, syscall.Mount("tmpfs", folder, "tmpfs", 0, ""))
	t.Cleanup(func() { _ = syscall.Unmount(folder, syscall.MNT_DETACH) })
	path, real := filepath.Join(s.home, "auth.json"), filepath.Join(folder, "real.json")
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(real, content, 0o600))
	require.NoError(t, os.Remove(path))
	require.NoError(t, os.Symlink(real, path))
	require.NoError(t, syscall.Mount("tmpfs", folder, "tmpfs", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""))
}

func removeHome(t *testing.T, s *scene) {
	require.NoError(t, syscall.Unmount(s.home, syscall.MNT_DETACH))
	require.NoError(t, os.RemoveAll(s.home))
}

func makeFolder(path string) error { return os.Mkdir(path, 0o700) }
func makePipe(path string) error   { return syscall.Mkfifo(path, 0o600) }
func makeFile(path string) error   { return os.WriteFile(path, nil, 0o600) }

// inPlaceOf puts something else where a file of the home is, or would be.
func inPlaceOf(name string, put func(path string) error) func(*testing.T, *scene) {
	return func(t *testing.T, s *scene) {
		path := filepath.Join(s.home, name)
		if err := os.Remove(path); !errors.Is(err, os.ErrNotExist) {
			require.NoError(t, err)
		}
		require.NoError(t, put(path))
	}
}

func inPlaceOfLogin(put func(path string) error) func(*testing.T, *scene) {
	return inPlaceOf("auth.json", put)
}

// linkLogin moves the login elsewhere and leaves a link. The test's end looks
// whether it still is one.
func linkLogin(link func(from, to string) error) func(*testing.T, *scene) {
	return func(t *testing.T, s *scene) {
		path, real := filepath.Join(s.home, "auth.json"), filepath.Join(s.home, "real.json")
		require.NoError(t, os.Rename(path, real))
		require.NoError(t, link(real, path))
		sameAtTheEnd(t, path, real)
	}
}

func mountLogin(t *testing.T, s *scene) {
	path, real := filepath.Join(s.home, "auth.json"), filepath.Join(s.home, "real.json")
	require.NoError(t, os.Rename(path, real))
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	require.NoError(t, syscall.Mount(real, path, "", syscall.MS_BIND, ""))
	sameAtTheEnd(t, path, real)
	t.Cleanup(func() { require.ErrorIs(t, os.Remove(path), syscall.EBUSY, "it is a mount point still") })
}

// sameAtTheEnd demands that two names are one file when the test has ended.
func sameAtTheEnd(t *testing.T, a, b string) {
	t.Cleanup(func() {
		first, err := os.Stat(a)
		require.NoError(t, err)
		second, err := os.Stat(b)
		require.NoError(t, err)
		require.True(t, os.SameFile(first, second), "the link is kept")
	})
}

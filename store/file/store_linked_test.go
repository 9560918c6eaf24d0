//go:build unix

package file

import (
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/bezoar-auth/bezoar/machine/machinetest"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/store/storetest"
	"github.com/bezoar-auth/bezoar/store/system"
)

// A login need not be a plain file in its home. Whatever it is, the contract
// holds, and it is the same thing afterwards.

func TestStoreKeepsTheContractThroughASymbolicLink(t *testing.T) {
	storetest.RunStore(t, func(t *testing.T) storetest.StoreSite {
		site := &storeSite{t: t, home: machinetest.Dir(t)}
		vault := machinetest.Dir(t)
		require.NoError(t, os.Symlink("auth.json", filepath.Join(vault, "current")))
		require.NoError(t, os.Symlink(filepath.Join(vault, "current"), site.path()))
		t.Cleanup(func() {
			info, err := os.Lstat(site.path())
			require.NoError(t, err)
			require.Equal(t, os.ModeSymlink, info.Mode().Type(), "the link is still one")
			requireNoLitter(t, vault, authFile, lockFile, commitFile, "current")
			requireNoLitter(t, site.home, authFile, lockFile, commitFile, asideFile, asideFile+".2")
		})
		return site
	})
}

func TestStoreKeepsTheContractInAFileWithTwoNames(t *testing.T) {
	storetest.RunStore(t, func(t *testing.T) storetest.StoreSite {
		site := &storeSite{t: t, home: machinetest.Dir(t)}
		require.NoError(t, os.WriteFile(site.path(), nil, 0o600))
		other := filepath.Join(machinetest.Dir(t), "other name")
		require.NoError(t, os.Link(site.path(), other))
		t.Cleanup(func() {
			requireSameFile(t, site.path(), other)
			requireNoLitter(t, site.home, authFile, lockFile, commitFile, asideFile, asideFile+".2")
		})
		return site
	})
}

func TestALinkToNothingIsWrittenThrough(t *testing.T) {
	home, vault := t.TempDir(), t.TempDir()
	link := filepath.Join(home, authFile)
	require.NoError(t, os.Mkdir(filepath.Join(vault, "deep"), 0o700))
	require.NoError(t, os.Symlink(filepath.Join(vault, "deep"), filepath.Join(home, "folder")))
	require.NoError(t, os.Symlink("folder/../login", link)) // which is not home/login
	s := quiet(home)
	require.Equal(t, "none", stored(t, s))
	require.NoError(t, reserve(s, oldLogin))
	require.NoError(t, s.Replace(background, oldLogin))
	require.Equal(t, "old", stored(t, s))
	requireNoLitter(t, vault, "deep", "login", "login.lock")
	require.FileExists(t, filepath.Join(vault, "login"))
}

func TestALinkIntoAMissingFolderIsSaidToBe(t *testing.T) {
	home := t.TempDir()
	require.NoError(t, os.Symlink("missing/auth.json", filepath.Join(home, authFile)))
	requireUndurable(t, quiet(home).Replace(background, newLogin), filepath.Join(home, "missing")+" does not exist")
	requireUndurable(t, reserve(quiet(home), newLogin), filepath.Join(home, "missing")+" does not exist")
}

func TestLinksInACircleAreNoLogin(t *testing.T) {
	home := t.TempDir()
	require.NoError(t, os.Symlink(authFile, filepath.Join(home, authFile)))
	s, unavailable := quiet(home), new(persist.UnavailableError)
	_, err := s.Load(background)
	require.ErrorAs(t, err, &unavailable)
	_, known := s.Stamp(background)
	require.False(t, known)
	requireUndurable(t, s.Replace(background, newLogin), "too many symbolic links")
	requireUndurable(t, reserve(s, newLogin), "too many symbolic links")
}

func TestPipeInPlaceOfTheLoginBlocksNoCall(t *testing.T) {
	home := t.TempDir()
	require.NoError(t, unix.Mkfifo(filepath.Join(home, authFile), 0o600))
	requireNoPlaceForALogin(t, home, "a pipe is in its place")
	require.NoError(t, unix.Mkfifo(filepath.Join(home, lockFile), 0o600))
	unlock, err := quiet(home).Lock(background)
	require.NoError(t, err)
	unlock()
}

func TestADeviceIsNoLogin(t *testing.T) {
	home := t.TempDir()
	require.NoError(t, os.Symlink("/dev/null", filepath.Join(home, authFile)))
	requireNoPlaceForALogin(t, home, "a device is in its place")
}

func TestTornFileIsReadFromItsWholeCopyOnly(t *testing.T) {
	home := t.TempDir()
	shared(t)(home)
	s := quiet(home)
	whole, err := os.ReadFile(leave(t, home, thisOwner(system.Here)()))
	require.NoError(t, err)
	for _, torn := range []string{"", string(whole[:40]), string(whole[:40]) + "\x00\x00\x00"} {
		require.NoError(t, os.WriteFile(filepath.Join(home, authFile), []byte(torn), 0o600))
		require.Equal(t, "new", stored(t, s))
	}
	problem := new(persist.UnreadableError)
	for _, other := range []string{"{}", string(whole[:40]) + "?", `{"auth_mode": "apikey"`} {
		require.NoError(t, os.WriteFile(filepath.Join(home, authFile), []byte(other), 0o600))
		_, err := s.Load(background)
		require.ErrorAs(t, err, &problem, "another program put it there")
	}
}

func TestWhatIsLeftOfARefreshDoesNotUndoALogoutInPlace(t *testing.T) {
	home := t.TempDir()
	shared(t)(home)
	leave(t, home, thisOwner(system.Here)())
	s := quiet(home)
	require.NoError(t, s.Delete(background))
	require.Equal(t, "none", stored(t, s))
}

func TestATornFileCanBeSwapped(t *testing.T) {
	home := t.TempDir()
	shared(t)(home)
	copied := leave(t, home, thisOwner(system.Here)())
	require.NoError(t, os.WriteFile(filepath.Join(home, authFile), nil, 0o600))
	s := quiet(home)
	require.Equal(t, "new", stored(t, s))
	require.NoError(t, s.Swap(background, revisionIn(t, s), otherLogin))
	require.NoError(t, os.Remove(copied))
	require.Equal(t, "other", stored(t, s))
}

func TestAWriteInPlaceThatFailsIsUndone(t *testing.T) {
	home := t.TempDir()
	shared(t)(home)
	path := filepath.Join(home, authFile)
	where, err := quiet(home).find()
	require.NoError(t, err)
	intruded := false
	s := stepping(home, "replace: sync in place", func() {
		if !intruded { // another writer, who could not be locked out
			intruded = true
			require.NoError(t, os.WriteFile(path, []byte("garbage"), 0o600))
		}
	})
	requireUndurable(t, s.Replace(background, newLogin), "at the same time")
	require.Equal(t, "old", stored(t, s))
	require.Empty(t, where.leftovers())
}

// A limit on the size of files stands for a full disk. It is for
// a whole process, so the test is one of its own.
func TestAFullDiskKeepsTheOldLogin(t *testing.T) {
	const variable = "BEZOAR_TEST_FULL_DISK"
	if _, isChild := os.LookupEnv(variable); !isChild {
		child := exec.Command(os.Args[0], "-test.run=^TestAFullDiskKeepsTheOldLogin$", "-test.v")
		child.Env = append(os.Environ(), variable+"=1")
		output, err := child.CombinedOutput()
		require.NoError(t, err, string(output))
		require.Contains(t, string(output), "--- PASS: TestAFullDiskKeepsTheOldLogin")
		return
	}
	home := t.TempDir()
	loggedIn(t)(home)
	s := quiet(home)
	base := revisionIn(t, s)
	filesAreSmall(t, func() {
		requireUndurable(t, reserve(s, oldLogin), "file too large")
		requireUndurable(t, s.Replace(background, newLogin), "file too large")
		requireUndurable(t, s.Swap(background, base, newLogin), "file too large")
	})
	require.Equal(t, "old", stored(t, s))
	requireNoLitter(t, home, authFile, commitFile)
	require.NoError(t, reserve(s, oldLogin))
}

// filesAreSmall lets no file grow beyond 64 bytes.
func filesAreSmall(t *testing.T, do func()) {
	t.Helper()
	signal.Ignore(unix.SIGXFSZ)
	var before unix.Rlimit
	require.NoError(t, unix.Getrlimit(unix.RLIMIT_FSIZE, &before))
	limit := before
	limit.Cur = 64
	require.NoError(t, unix.Setrlimit(unix.RLIMIT_FSIZE, &limit))
	defer unix.Setrlimit(unix.RLIMIT_FSIZE, &before)
	do()
}

func TestAFileStaysItsOwnersWhenAnAdministratorWrites(t *testing.T) {
	home := t.TempDir()
	loggedIn(t)(home)
	owner := os.Getuid()
	if owner == 0 {
		owner = 65534
		require.NoError(t, os.Chown(filepath.Join(home, authFile), owner, owner))
	}
	s := quiet(home)
	require.NoError(t, s.Replace(background, newLogin))
	require.NoError(t, s.Swap(background, revisionIn(t, s), otherLogin))
	var stat unix.Stat_t
	require.NoError(t, unix.Stat(filepath.Join(home, authFile), &stat))
	require.EqualValues(t, owner, stat.Uid)
	require.EqualValues(t, 0o600, stat.Mode&0o777)
}

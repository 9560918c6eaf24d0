package file

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/gofrs/flock"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/bezoar-auth/bezoar/machine/machinetest"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/store/authjson"
	"github.com/bezoar-auth/bezoar/store/storetest"
	"github.com/bezoar-auth/bezoar/store/system"
)

// mount mounts something for the time of a test, and says whether it may. Where
// it may not, each test has a weaker proof.
func mount(t *testing.T, source, target, kind string, flags uintptr, data string) bool {
	t.Helper()
	if err := unix.Mount(source, target, kind, flags, data); err != nil {
		require.ErrorIs(t, err, unix.EPERM)
		t.Log("nothing may be mounted here")
		return false
	}
	t.Cleanup(func() { unix.Unmount(target, unix.MNT_DETACH) })
	return true
}

// mounted is a home with a file mounted as auth.json, as containers have it.
func mounted(t *testing.T) (home, source string) {
	home, source = machinetest.Dir(t), filepath.Join(machinetest.Dir(t), "host.json")
	path := filepath.Join(home, authFile)
	require.NoError(t, os.WriteFile(source, nil, 0o600))
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	if !mount(t, source, path, "", unix.MS_BIND, "") {
		require.NoError(t, os.Remove(path))
		require.NoError(t, os.Link(source, path)) // has to stay as well
	}
	return home, source
}

func TestStoreKeepsTheContractInAMountedFile(t *testing.T) {
	storetest.RunStore(t, func(t *testing.T) storetest.StoreSite {
		home, source := mounted(t)
		t.Cleanup(func() {
			requireSameFile(t, filepath.Join(home, authFile), source)
			requireNoLitter(t, home, authFile, lockFile, commitFile, asideFile, asideFile+".2")
		})
		return &storeSite{t: t, home: home}
	})
}

// A kernel that does not tell of mount points says so when the rename fails.
func TestUnnoticedMountIsWrittenInPlace(t *testing.T) {
	home, source := mounted(t)
	loggedIn(t)(home)
	s := quiet(home)
	for _, was := range []persist.Revision{"", revisionIn(t, s)} {
		where, err := s.find()
		require.NoError(t, err)
		content, err := authjson.Encode(newLogin, nil)
		require.NoError(t, err)
		left, err := s.stage(where, change{verb: "swap", content: content, was: was})
		require.NoError(t, err)
		_, linked := where.mustKeepFile()
		require.NoError(t, linked)
		mounted, _ := system.Here.Hindrances(where.path)
		require.NoError(t, s.put(background, left, !mounted))
		require.Equal(t, "new", stored(t, s))
		requireSameFile(t, where.path, source)
		requireNoLitter(t, home, authFile, commitFile)
		loggedIn(t)(home)
	}
}

func TestReserveNoticesAReadOnlyMountedFile(t *testing.T) {
	home, _ := mounted(t)
	loggedIn(t)(home)
	path, s := filepath.Join(home, authFile), quiet(home)
	if unix.Mount("", path, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, "") == nil {
		requireUndurable(t, reserve(s, oldLogin), "read-only file system")
		requireUndurable(t, s.Replace(background, newLogin), "read-only file system")
	} else {
		require.NoError(t, os.Chmod(path, 0o400))
		unprivileged(t, home, func() {
			requireUndurable(t, reserve(s, oldLogin), "permission denied")
			requireUndurable(t, s.Replace(background, newLogin), "permission denied")
		})
	}
	require.Equal(t, "old", stored(t, quiet(home)))
}

// unprivileged lets the thread have no more rights on files than their modes give.
// The folder is given to another user first.
func unprivileged(t *testing.T, folder string, do func()) {
	t.Helper()
	if os.Getuid() != 0 {
		do()
		return
	}
	const otherID = 65534
	for path := folder; len(path) > len(os.TempDir()); path = filepath.Dir(path) {
		info, err := os.Stat(path)
		require.NoError(t, err)
		if path != folder {
			require.NoError(t, os.Chmod(path, info.Mode()|0o111))
		}
	}
	require.NoError(t, os.Chown(folder, otherID, otherID))
	files, err := os.ReadDir(folder)
	require.NoError(t, err)
	for _, each := range files {
		_ = os.Chown(filepath.Join(folder, each.Name()), otherID, otherID)
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	require.NoError(t, unix.Setfsuid(otherID))
	defer unix.Setfsuid(0)
	do()
}

func TestAFolderThatMayNotBeWrittenIsNoticedBeforeAPost(t *testing.T) {
	home := t.TempDir()
	loggedIn(t)(home)
	require.NoError(t, os.Chmod(home, 0o500))
	defer os.Chmod(home, 0o700)
	unprivileged(t, home, func() {
		s := quiet(home)
		requireUndurable(t, reserve(s, oldLogin), "permission denied")
		requireUndurable(t, s.Replace(background, newLogin), "permission denied")
		requireUndurable(t, s.Swap(background, revisionIn(t, s), newLogin), "permission denied")
		requireUndurable(t, s.Delete(background), "permission denied")
		require.Equal(t, "old", stored(t, s))
	})
}

func TestLoginThatMayNotBeReadIsUnavailable(t *testing.T) {
	home := t.TempDir()
	loggedIn(t)(home)
	base := revisionIn(t, quiet(home))
	require.NoError(t, os.Chmod(filepath.Join(home, authFile), 0))
	unprivileged(t, home, func() {
		unavailable := new(persist.UnavailableError)
		_, err := quiet(home).Load(background)
		require.ErrorAs(t, err, &unavailable)
		require.ErrorContains(t, err, "permission denied")
		require.ErrorAs(t, quiet(home).Swap(background, base, newLogin), &unavailable)
		requireUndurable(t, quiet(home).Replace(background, newLogin), "permission denied")
		requireUndurable(t, quiet(home).Delete(background), "permission denied")
	})
}

func TestAReadOnlyDiskIsNoticedBeforeAPost(t *testing.T) {
	home := t.TempDir()
	loggedIn(t)(home)
	if !mount(t, home, home, "", unix.MS_BIND, "") {
		return // as much as can be is proved by the folder that may not be written
	}
	require.NoError(t, unix.Mount("", home, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, ""))
	s := quiet(home)
	requireUndurable(t, reserve(s, oldLogin), "read-only file system")
	requireUndurable(t, s.Replace(background, newLogin), "read-only file system")
	requireUndurable(t, s.Swap(background, revisionIn(t, s), newLogin), "read-only file system")
	requireUndurable(t, s.Delete(background), "read-only file system")
	require.Equal(t, "old", stored(t, s))
}

func TestADiskWithoutRoomIsNoticedBeforeAPost(t *testing.T) {
	home := t.TempDir()
	if !mount(t, "tmpfs", home, "tmpfs", 0, "size=64k") {
		return // as much as can be is proved by the limit on files
	}
	loggedIn(t)(home)
	s := quiet(home)
	require.NoError(t, reserve(s, oldLogin))
	os.WriteFile(filepath.Join(home, "ballast"), make([]byte, 1<<20), 0o600)
	base := revisionIn(t, s)
	requireUndurable(t, reserve(s, oldLogin), "no space left")
	requireUndurable(t, s.Replace(background, newLogin), "no space left")
	requireUndurable(t, s.Swap(background, base, newLogin), "no space left")
	requireNoLitter(t, home, authFile, commitFile, "ballast")
	require.Equal(t, "old", stored(t, s))
	require.NoError(t, os.Remove(filepath.Join(home, "ballast")))
	require.NoError(t, s.Swap(background, base, newLogin))
}

func TestAnImmutableFileIsNoticedBeforeAPost(t *testing.T) {
	home := t.TempDir()
	loggedIn(t)(home)
	file, err := os.Open(filepath.Join(home, authFile))
	require.NoError(t, err)
	defer file.Close()
	const immutable = 0x10 // FS_IMMUTABLE_FL, ioctl_iflags(2)
	if err := unix.IoctlSetPointerInt(int(file.Fd()), unix.FS_IOC_SETFLAGS, immutable); err != nil {
		t.Log("nothing can be marked as immutable here:", err)
		return
	}
	defer unix.IoctlSetPointerInt(int(file.Fd()), unix.FS_IOC_SETFLAGS, 0)
	s := quiet(home)
	requireUndurable(t, reserve(s, oldLogin), "immutable")
	requireUndurable(t, s.Replace(background, newLogin), "immutable")
	requireUndurable(t, s.Delete(background), "immutable")
	require.Equal(t, "old", stored(t, s))
}

// A user may remove a lock file that seems to be left over, and the next process makes
// another.
func TestALockFileThatIsReplacedMakesNoSecondLock(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	path := filepath.Join(home, lockFile)
	removed := flock.New(path)
	require.NoError(t, removed.Lock())
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	waited := make(chan error)
	go func() {
		_, err := quiet(home).Lock(ctx)
		waited <- err
	}()
	next := flock.New(path + ".next") // held by a third one before another process can see it
	require.NoError(t, next.Lock())
	require.NoError(t, os.Rename(path+".next", path))
	require.NoError(t, removed.Close())
	require.ErrorIs(t, <-waited, context.DeadlineExceeded)
	require.NoError(t, next.Close())
	require.FileExists(t, path, "it is never removed by us")
}

// asUser lets the thread have the rights on files of a user who is neither root
// nor the owner of anything.
func asUser(t *testing.T, id int, do func()) {
	t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	become := func(id int) {
		const same = ^uintptr(0)
		_, _, failed := unix.RawSyscall(unix.SYS_SETRESUID, same, uintptr(id), same) // of this thread alone
		require.Zero(t, failed)
	}
	become(id)
	defer become(0)
	do()
}

func openTo(t *testing.T, home string, mode os.FileMode) {
	t.Helper()
	for path := filepath.Dir(home); len(path) > len(os.TempDir()); path = filepath.Dir(path) {
		info, err := os.Stat(path)
		require.NoError(t, err)
		require.NoError(t, os.Chmod(path, info.Mode()|0o111))
	}
	require.NoError(t, os.Chmod(home, mode))
}

// In a sticky folder files can be made, and those of other users not be replaced.
func TestStickyFolderHasAnotherUsersLoginWrittenInPlace(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("to be two users takes root")
	}
	const them, me = 65533, 65534
	for _, mode := range []os.FileMode{0o666, 0o644} {
		home := t.TempDir()
		loggedIn(t)(home)
		path := filepath.Join(home, authFile)
		require.NoError(t, os.Chown(home, them, them))
		require.NoError(t, os.Chown(path, them, them))
		require.NoError(t, os.Chmod(path, mode))
		openTo(t, home, 0o777|os.ModeSticky)
		before, err := os.Stat(path)
		require.NoError(t, err)
		asUser(t, me, func() {
			s := quiet(home)
			if mode == 0o644 {
				requireUndurable(t, reserve(s, oldLogin), "permission denied")
				requireNoLitter(t, home, authFile, commitFile)
				return
			}
			release := held(t, s)
			require.NoError(t, s.Swap(background, revisionIn(t, s), newLogin))
			release()
			require.Equal(t, "new", stored(t, s))
			requireNoLitter(t, home, authFile, commitFile)
		})
		after, err := os.Stat(path)
		require.NoError(t, err)
		require.True(t, os.SameFile(before, after))
	}
}

func TestReserveNoticesAnAppendOnlyFolder(t *testing.T) {
	home := t.TempDir()
	loggedIn(t)(home)
	folder, err := os.Open(home)
	require.NoError(t, err)
	defer folder.Close()
	const appendOnly = 0x20 // FS_APPEND_FL, ioctl_iflags(2)
	if err := unix.IoctlSetPointerInt(int(folder.Fd()), unix.FS_IOC_SETFLAGS, appendOnly); err != nil {
		t.Skip("nothing can be marked as append-only here:", err)
	}
	defer unix.IoctlSetPointerInt(int(folder.Fd()), unix.FS_IOC_SETFLAGS, 0)
	s := quiet(home)
	requireUndurable(t, reserve(s, oldLogin), "append-only")
	requireUndurable(t, s.Swap(background, revisionIn(t, s), newLogin), "append-only")
	requireUndurable(t, s.Replace(background, newLogin), "append-only")
	require.Equal(t, "old", stored(t, s))
	requireNoLitter(t, home, authFile, commitFile)
	require.NoError(t, s.Delete(background), "it can be emptied")
	require.Equal(t, "none", stored(t, s))
}

func TestSwapNeedsNoRoomOnAFullDisk(t *testing.T) {
	home := t.TempDir()
	if !mount(t, "tmpfs", home, "tmpfs", 0, "size=64k") {
		t.Skip("nothing can be mounted here")
	}
	loggedIn(t)(home)
	s := quiet(home)
	base := revisionIn(t, s)
	release := held(t, s)
	os.WriteFile(filepath.Join(home, "ballast"), make([]byte, 1<<20), 0o600)
	require.NoError(t, s.Swap(background, base, newLogin))
	release()
	require.Equal(t, "new", stored(t, s))
	requireNoLitter(t, home, authFile, commitFile, "ballast")
}

// twoHomes are homes that share the file of one login, each in its way.
func twoHomes(t *testing.T) map[string][2]string {
	homes := map[string][2]string{}
	pair := func() [2]string {
		pair := [2]string{t.TempDir(), t.TempDir()}
		loggedIn(t)(pair[0])
		return pair
	}
	linked := pair()
	require.NoError(t, os.Link(filepath.Join(linked[0], authFile), filepath.Join(linked[1], authFile)))
	homes["linked"] = linked
	pointing := pair()
	require.NoError(t, os.Symlink(filepath.Join(pointing[0], authFile), filepath.Join(pointing[1], authFile)))
	homes["pointing"] = pointing
	mounted := pair()
	require.NoError(t, os.WriteFile(filepath.Join(mounted[1], authFile), nil, 0o600))
	if mount(t, filepath.Join(mounted[0], authFile), filepath.Join(mounted[1], authFile), "", unix.MS_BIND, "") {
		homes["mounted"] = mounted
	}
	return homes
}

// One file, one lock: it does not matter in which homes it is seen.
func TestTwoHomesWithOneFileRefreshOneAfterTheOther(t *testing.T) {
	for how, homes := range twoHomes(t) {
		t.Run(how, func(t *testing.T) {
			one, other := quiet(homes[0]), quiet(homes[1])
			unlock, err := one.Lock(background)
			require.NoError(t, err)
			impatient, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
			defer cancel()
			_, err = other.Lock(impatient)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			patient, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			let, err := other.lock.Acquire(patient)
			require.NoError(t, err, "who gives up holds its home no longer")
			let()
			found, unlocked := make(chan string), make(chan struct{})
			go func() {
				defer close(unlocked)
				unlock, err := other.Lock(background)
				if err != nil {
					found <- err.Error()
					return
				}
				found <- stored(t, other)
				unlock()
			}()
			release := held(t, one)
			require.NoError(t, one.Swap(background, revisionIn(t, one), newLogin))
			release()
			unlock()
			if how == "mounted" { // what was put in place in one home is not seen in the other
				require.Equal(t, "old", <-found)
			} else {
				require.Equal(t, "new", <-found)
			}
			<-unlocked

			unlock, err = one.Lock(background)
			require.NoError(t, err)
			defer unlock()
			begin := time.Now()
			require.NoError(t, one.Replace(background, otherLogin))
			require.Less(t, time.Since(begin), commitPatience, "a login does not wait")
		})
	}
}

// A file that is mounted into a home and replaced where it came from cannot be
// refreshed there: its token is spent elsewhere.
func TestMountedFileReplacedAtItsSourceIsNotRefreshed(t *testing.T) {
	homes, ok := twoHomes(t)["mounted"]
	if !ok {
		t.Skip("nothing may be mounted here")
	}
	inside := quiet(homes[1])
	require.NoError(t, reserve(inside, oldLogin))
	require.NoError(t, quiet(homes[0]).Replace(background, newLogin))
	require.Equal(t, "old", stored(t, inside), "it is handed out while it serves")
	requireUndurable(t, reserve(inside, oldLogin), "mount its folder")
	requireUndurable(t, inside.Replace(background, newLogin), "mount its folder")
	require.ErrorIs(t, reserve(inside, oldLogin), ErrReplaced)
	require.NoError(t, inside.Delete(background))
	require.Equal(t, "none", stored(t, inside))
}

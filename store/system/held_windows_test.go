package system_test

import (
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/windows"

	"github.com/bezoar-auth/bezoar/store/system"
)

// hold opens a file as a program does that shares it for so much.
func hold(t *testing.T, path string, shared uint32) (release func()) {
	t.Helper()
	name, err := windows.UTF16PtrFromString(path)
	require.NoError(t, err)
	file, err := windows.CreateFile(name, windows.GENERIC_READ, shared, nil, windows.OPEN_EXISTING, 0, 0)
	require.NoError(t, err)
	return func() { require.NoError(t, windows.CloseHandle(file)) }
}

const (
	sharedForNothing = 0
	sharedAsUsual    = windows.FILE_SHARE_READ | windows.FILE_SHARE_WRITE // what most programs do
)

// uses are what a store does with a file that others may have open.
var uses = map[string]struct {
	shared uint32 // what the other program shares the file for
	do     func(path string) error
}{
	"open": {sharedForNothing, func(path string) error {
		file, err := system.Here.Open(path, os.O_RDWR)
		if err != nil {
			return err
		}
		return file.Close()
	}},
	"replace": {sharedAsUsual, func(path string) error { return system.Here.Rename(path+".tmp", path) }},
	"move":    {sharedAsUsual, func(path string) error { return system.Here.Rename(path, path+".moved") }},
	"remove":  {sharedAsUsual, func(path string) error { return system.Here.Remove(path) }},
}

// heldFile is a file that another program has open, and a file beside it.
func heldFile(t *testing.T, shared uint32) (path string, release func()) {
	path = filepath.Join(t.TempDir(), "auth.json")
	require.NoError(t, os.WriteFile(path, []byte("old"), 0o600))
	require.NoError(t, os.WriteFile(path+".tmp", []byte("new"), 0o600))
	return path, hold(t, path, shared)
}

func TestAFileThatIsHeldIsWaitedFor(t *testing.T) {
	for name, use := range uses {
		t.Run(name, func(t *testing.T) {
			path, release := heldFile(t, use.shared)
			synctest.Test(t, func(t *testing.T) {
				time.AfterFunc(time.Second, release)
				require.NoError(t, use.do(path))
			})
		})
	}
}

func TestAFileThatIsNotLetGoIsSaidToBeHeld(t *testing.T) {
	for name, use := range uses {
		t.Run(name, func(t *testing.T) {
			path, release := heldFile(t, use.shared)
			defer release()
			synctest.Test(t, func(t *testing.T) {
				begin := time.Now()
				err := use.do(path)
				require.ErrorIs(t, err, system.ErrHeld)
				require.ErrorContains(t, err, path, "it names the file")
				require.Less(t, time.Since(begin), 3*time.Second)
			})
		})
	}
}

// A login may come while another program holds the file, for as long as that is waited for.
func TestWhatARenameDependsOnIsAskedBeforeEachTry(t *testing.T) {
	path, release := heldFile(t, sharedAsUsual)
	defer release()
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		err := system.Here.RenameIf(path+".tmp", path, func() bool { asked++; return asked < 3 })
		require.ErrorIs(t, err, system.ErrChanged)
		require.Equal(t, 3, asked)
	})
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "old", string(content))
}

// A refusal comes at once: no wait would help.
func TestAFileThatIsRefusedIsNotWaitedFor(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "auth.json")
	require.NoError(t, os.WriteFile(path, []byte("old"), 0o600))
	require.NoError(t, os.WriteFile(path+".tmp", []byte("new"), 0o600))
	require.NoError(t, os.Mkdir(filepath.Join(folder, "folder"), 0o700))
	require.NoError(t, os.Chmod(path, 0o400))
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		for _, to := range []string{path, filepath.Join(folder, "folder")} {
			err := system.Here.Rename(path+".tmp", to)
			require.Error(t, err)
			require.NotErrorIs(t, err, system.ErrHeld)
		}
		_, immutable := system.Here.Hindrances(path)
		require.True(t, immutable)
		_, err := system.Here.Open(path+".missing", os.O_RDONLY)
		require.ErrorIs(t, err, os.ErrNotExist)
		require.Zero(t, time.Since(begin))
	})
}

// What we open hinders no other: other programs, and other processes of ours, replace and remove it.
func TestAFileOfOursCanBeMovedAndRemovedMeanwhile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "auth.json")
	file, err := system.Here.Open(path, os.O_RDWR|os.O_CREATE)
	require.NoError(t, err)
	defer file.Close()
	require.True(t, system.Here.MovesOpen())
	require.NoError(t, system.Here.Rename(path, path+".moved"))
	require.NoError(t, system.Here.Remove(path+".moved"))
	require.NoError(t, os.WriteFile(path, nil, 0o600), "the name is free")
}

func TestAnAppendGoesBehindWhatOthersAppended(t *testing.T) {
	path := filepath.Join(t.TempDir(), "auth.ledger")
	for range 2 {
		one, err := system.Here.Open(path, os.O_RDWR|os.O_APPEND|os.O_CREATE)
		require.NoError(t, err)
		other, err := system.Here.Open(path, os.O_WRONLY|os.O_APPEND)
		require.NoError(t, err)
		for _, each := range []*os.File{one, other, one} {
			_, err := each.WriteString("line\n")
			require.NoError(t, err)
		}
		require.NoError(t, system.Here.Sync(one))
		require.NoError(t, one.Close())
		require.NoError(t, other.Close())
	}
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "line\nline\nline\nline\nline\nline\n", string(content))
}

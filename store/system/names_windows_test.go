package system_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine/machinetest"
	"github.com/bezoar-auth/bezoar/store/system"
	"github.com/bezoar-auth/bezoar/store/system/systemtest"
)

// homes are folders as people have them.
func homes(t *testing.T) []string {
	t.Helper()
	folder := t.TempDir()
	return []string{
		filepath.Join(folder, "with blanks"),
		filepath.Join(folder, "Jürgen Ørsted 日本語 🪨"),
		filepath.Join(folder, strings.Repeat("long ", 20)+"x", strings.Repeat("l", 100), strings.Repeat("m", 100)),
		`\\?\` + filepath.Join(folder, "full"),
	}
}

func TestAHomeMayHaveAnyName(t *testing.T) {
	for _, home := range homes(t) {
		require.NoError(t, os.MkdirAll(home, 0o700), home)
		path := filepath.Join(home, "auth.json")
		file, err := system.Here.Open(path+".tmp", os.O_WRONLY|os.O_CREATE|os.O_EXCL)
		require.NoError(t, err, home)
		_, err = file.WriteString("new")
		require.NoError(t, err)
		require.NoError(t, file.Close())
		require.NoError(t, os.WriteFile(path, []byte("old"), 0o600))
		require.NoError(t, system.Here.Rename(path+".tmp", path), home)
		require.NoError(t, system.Here.SyncFolder(home), home)
		content, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, "new", string(content))
		require.NoError(t, system.Here.HasRoom(home, 1), home)
		require.NoError(t, system.Here.Remove(path), home)
	}
}

func TestANewFileIsForItsOwnerAloneInAnyFolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "auth.json")
	file, err := system.Here.Open(path, os.O_WRONLY|os.O_CREATE)
	require.NoError(t, err)
	require.NoError(t, file.Close())
	systemtest.RequireForOwnerAlone(t, path)
	require.NoError(t, os.WriteFile(path, []byte("still mine"), 0o600))

	folder := filepath.Join(t.TempDir(), "auth.intents")
	require.NoError(t, system.Here.MakeFolder(folder))
	require.ErrorIs(t, system.Here.MakeFolder(folder), os.ErrExist)
	require.NoError(t, os.WriteFile(filepath.Join(folder, "of another program"), nil, 0o666))
	systemtest.RequireForOwnerAlone(t, folder)
	machinetest.SkipUnderWine(t, machinetest.LacksInheritance)
	systemtest.RequireForOwnerAlone(t, filepath.Join(folder, "of another program"))
}

func TestTheNamesOfAFileAreCounted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "auth.json")
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	require.Equal(t, 1, system.Here.Names(path, nil))
	require.NoError(t, os.Link(path, path+".other"))
	require.Equal(t, 2, system.Here.Names(path, nil))
}

func TestTheLockOfAContentLetsOthersReadAndWriteIt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "auth.json")
	require.NoError(t, os.WriteFile(path, []byte("old"), 0o600))
	one, other := system.Here.NewContentLock(path), system.Here.NewContentLock(path)
	locked, err := one.TryLock()
	require.NoError(t, err)
	require.True(t, locked)
	locked, err = other.TryLock()
	require.NoError(t, err)
	require.False(t, locked)
	require.NoError(t, os.WriteFile(path, []byte("new"), 0o600))
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "new", string(content))
	require.NoError(t, one.Close())
	locked, err = other.TryLock()
	require.NoError(t, err)
	require.True(t, locked)
	require.NoError(t, other.Close())
}

// A process that has ended can be opened as long as one process has a handle of it.
func TestAProcessThatHasEndedIsKnownToHave(t *testing.T) {
	body := exec.Command(os.Args[0], "-test.run=^TestNothing$")
	body.Stdin, _ = os.Open(os.DevNull)
	require.NoError(t, body.Start())
	handle, err := os.FindProcess(body.Process.Pid)
	require.NoError(t, err)
	defer handle.Release()
	require.NoError(t, body.Wait())
	_, err = system.Here.Started(handle.Pid)
	require.ErrorIs(t, err, os.ErrProcessDone)
	mine, err := system.Here.Started(os.Getpid())
	require.NoError(t, err)
	require.NotEmpty(t, mine)
	require.NotEmpty(t, system.Here.PIDNamespace())
}

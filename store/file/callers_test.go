package file

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine/machinetest"
)

var handed = Handing{At: time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC), Access: "0123456789abcdef", PastFloor: true}

func TestACallerIsOneProcessAndNotALaterOneOfItsNumber(t *testing.T) {
	home := machinetest.Dir(t)
	caller := OpenCaller(home, os.Getpid())
	_, isKnown := caller.Last()
	require.False(t, isKnown, "it was given nothing yet")
	require.NoError(t, caller.Note(handed))

	last, isKnown := OpenCaller(home, os.Getpid()).Last()
	require.True(t, isKnown)
	require.Equal(t, handed, last)
	_, isKnown = OpenCaller(home, os.Getppid()).Last()
	require.False(t, isKnown, "another process was given nothing")

	if caller.who.Started == "" {
		return // this system does not say when a process started
	}
	earlier := OpenCaller(home, os.Getpid())
	other := *earlier
	other.who.Started += "0"
	require.NotEqual(t, earlier.name, nameOf(other.pid, other.who))
}

func TestCallersFolderForgetsEndedProcesses(t *testing.T) {
	home := machinetest.Dir(t)
	body := living(t)
	dead := OpenCaller(home, body.Process.Pid)
	require.NoError(t, dead.Note(handed))
	require.NoError(t, body.Process.Kill())
	_ = body.Wait()

	folder := filepath.Join(home, "auth.callers")
	for n := range 2 * callersKept { // of another machine: it is unknown here whether they have ended
		content, err := json.Marshal(called{n + 1, process{PIDNamespace: "elsewhere"}, handed})
		require.NoError(t, err)
		path := filepath.Join(folder, strconv.Itoa(n))
		require.NoError(t, os.WriteFile(path, content, 0o600))
		require.NoError(t, os.Chtimes(path, time.Time{}, handed.At.Add(time.Duration(n)*time.Second)))
	}
	me := OpenCaller(home, os.Getpid())
	require.NoError(t, me.Note(handed))
	left, err := os.ReadDir(folder)
	require.NoError(t, err)
	require.Len(t, left, callersKept)
	require.FileExists(t, filepath.Join(folder, me.name))
	require.NoFileExists(t, filepath.Join(folder, dead.name))
	require.NoFileExists(t, filepath.Join(folder, "0"), "the oldest go first")
}

func TestWhatIsNoCallersFileIsNone(t *testing.T) {
	home := machinetest.Dir(t)
	caller := OpenCaller(home, os.Getpid())
	require.NoError(t, caller.Note(handed))
	path := filepath.Join(caller.folder, caller.name)
	for _, content := range []string{"", "{", `{"pid":0}`, `{"pid":` + strconv.Itoa(os.Getpid()) + `}`} {
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		_, isKnown := caller.Last()
		require.False(t, isKnown, content)
	}
	require.NoError(t, caller.Note(handed))
	_, isKnown := caller.Last()
	require.True(t, isKnown)
}

package system

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// A process that /proc does not show may live all the same.
func TestAProcessThatIsHiddenIsNotGone(t *testing.T) {
	shown := proc
	proc = t.TempDir()
	defer func() { proc = shown }()
	started, err := Here.Started(os.Getpid())
	require.NoError(t, err)
	require.Empty(t, started)
	const never = 1 << 30
	_, err = Here.Started(never)
	require.ErrorIs(t, err, os.ErrProcessDone)
}

// What the state of a process is, by proc(5): one that a debugger has stopped goes on with the
// answer in its socket too.
func TestTheStateOfAProcessIsReadFromProc(t *testing.T) {
	shown := proc
	proc = t.TempDir()
	defer func() { proc = shown }()
	self := filepath.Join(proc, fmt.Sprint(os.Getpid()))
	require.NoError(t, os.Mkdir(self, 0o700))
	for state, is := range map[string]struct{ stopped, ended bool }{
		"R": {}, "S": {}, "D": {}, "I": {},
		"T": {stopped: true}, "t": {stopped: true},
		"Z": {ended: true}, "X": {ended: true},
	} {
		text := "1 (a) Z (name) " + state + strings.Repeat(" 0", 18) + " 4711 0 0\n"
		require.NoError(t, os.WriteFile(filepath.Join(self, "stat"), []byte(text), 0o600))
		require.Equal(t, is.stopped, Here.IsStopped(os.Getpid()), state)
		started, err := Here.Started(os.Getpid())
		if is.ended {
			require.ErrorIs(t, err, os.ErrProcessDone, state)
			continue
		}
		require.NoError(t, err, state)
		require.Equal(t, "4711", started, state)
	}
}

const namespaceVariable = "BEZOAR_TEST_NAMESPACE"

// TestSayNamespace is a process in a container. Else it does nothing.
func TestSayNamespace(*testing.T) {
	if os.Getenv(namespaceVariable) != "" {
		fmt.Println("in " + Here.PIDNamespace())
	}
}

// Containers of one boot give the same numbers to their processes: one says nothing of those
// of another.
func TestAContainerHasANamespaceOfItsOwn(t *testing.T) {
	in := func(flags uintptr) string {
		process := exec.Command("/proc/self/exe", "-test.run=^TestSayNamespace$")
		process.Env = append(os.Environ(), namespaceVariable+"=1")
		process.SysProcAttr = &syscall.SysProcAttr{Cloneflags: flags}
		said, err := process.CombinedOutput()
		if flags != 0 && err != nil && len(said) == 0 {
			t.Skip("this process may make no container: ", err)
		}
		require.NoError(t, err, string(said))
		name, isSaid := strings.CutPrefix(strings.SplitN(string(said), "\n", 2)[0], "in ")
		require.True(t, isSaid, string(said))
		return name
	}
	require.NotEmpty(t, Here.PIDNamespace())
	require.Equal(t, Here.PIDNamespace(), in(0), "of one container")
	require.NotEqual(t, Here.PIDNamespace(), in(syscall.CLONE_NEWUSER|syscall.CLONE_NEWPID))
}

package poller

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestInputIsAwaitedAsOftenAsItComes(t *testing.T) {
	sockets, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	require.NoError(t, err)
	var pipe [2]int
	require.NoError(t, unix.Pipe(pipe[:]))
	for name, ends := range map[string][2]int{"a pipe": pipe, "a socket": sockets} {
		in, out := os.NewFile(uintptr(ends[0]), name), os.NewFile(uintptr(ends[1]), name)
		await := Input(in)
		for range 100 {
			waited := make(chan struct{})
			go func() {
				await()
				close(waited)
			}()
			_, err := out.WriteString("ab")
			require.NoError(t, err)
			<-waited
			for range 2 { // what is left is there at once
				await()
				_, err = in.Read(make([]byte, 1))
				require.NoError(t, err)
			}
		}
		require.NoError(t, out.Close())
		await()
		flags, err := unix.FcntlInt(uintptr(ends[0]), unix.F_GETFL, 0)
		require.NoError(t, err)
		require.Zero(t, flags&unix.O_NONBLOCK, "others may share it")
		require.NoError(t, in.Close())
	}
}

func TestAFileOfADiskIsNotAwaited(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "input"))
	require.NoError(t, err)
	defer file.Close()
	require.Nil(t, Input(file))
	require.Nil(t, Input(strings.NewReader("")))
}

func TestEndIsThatOfAProcessWhichIsLeftToBeWaitedFor(t *testing.T) {
	command := exec.Command("cat")
	in, err := command.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, command.Start())
	ended := make(chan struct{})
	go func() {
		End(command.Process.Pid)
		close(ended)
	}()
	select {
	case <-ended:
		require.Fail(t, "it reads")
	default:
	}
	require.NoError(t, in.Close())
	<-ended
	var state unix.Siginfo
	require.NoError(t, unix.Waitid(unix.P_PID, command.Process.Pid, &state, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil))
	require.EqualValues(t, unix.SIGCHLD, state.Signo, "it has ended")
	require.NoError(t, command.Wait())
	End(command.Process.Pid)
}

func TestAWidePipeTakesAMegabyteWithoutAReader(t *testing.T) {
	r, w, err := os.Pipe()
	require.NoError(t, err)
	defer r.Close()
	defer w.Close()
	Widen(w)
	require.NoError(t, w.SetWriteDeadline(time.Now().Add(time.Minute)))
	_, err = w.Write(make([]byte, 1<<20))
	require.NoError(t, err)
	Widen(nil)
	Widen(os.NewFile(1<<20, "no file"))
}

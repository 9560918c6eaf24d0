package backend

import (
	"errors"
	"os"
	"os/exec"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/poller"
)

// keepThread keeps the goroutine on its thread until it ends: the system kills the child
// when the thread that started it ends.
func keepThread() { runtime.LockOSThread() }

// begin starts the child, which ends with this process, also if that is killed. What the
// child has started then has no input any more, which ends a codex.
func begin(command *exec.Cmd) (process, error) {
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	err := command.Start()
	return process{command.Process}, err
}

// awaitEnd waits until the process has ended, and leaves it to be waited for: until then
// its number, which is that of its group, is given to no other.
func (p process) awaitEnd() *os.ProcessState {
	poller.End(p.Pid)
	for errors.Is(unix.Waitid(unix.P_PID, p.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil), unix.EINTR) {
	}
	return nil
}

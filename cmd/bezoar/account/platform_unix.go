//go:build unix

package account

import (
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// detach gives a program a session of its own: signals for the terminal or the process
// group of this one do not reach it.
func detach(program *exec.Cmd) { program.SysProcAttr = &syscall.SysProcAttr{Setsid: true} }

// isReaderGone reports whether nothing can read any more what is written to a
// pipe or a socket. A write would tell as well, but there may be nothing to write.
func isReaderGone(out any) bool {
	file, ok := out.(*os.File)
	if !ok {
		return false
	}
	polled := []unix.PollFd{{Fd: int32(file.Fd())}} // no events: errors and hang-ups are always told
	n, err := unix.Poll(polled, 0)
	return err == nil && n > 0 && polled[0].Revents&(unix.POLLERR|unix.POLLHUP|unix.POLLNVAL) != 0
}

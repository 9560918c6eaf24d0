//go:build unix

package backend

import (
	"os"
	"syscall"
)

// process is the child's. It leads a process group of its own, so that a signal reaches
// what a wrapper has started, and Ctrl-C at a terminal reaches this program alone.
type process struct{ *os.Process }

func (p process) terminate() { _ = syscall.Kill(-p.Pid, syscall.SIGTERM) }
func (p process) kill()      { _ = syscall.Kill(-p.Pid, syscall.SIGKILL) }

func statusOf(state *os.ProcessState) Status {
	if state == nil {
		return Status{Code: 1}
	}
	if wait, ok := state.Sys().(syscall.WaitStatus); ok && wait.Signaled() {
		return Status{Code: 128 + int(wait.Signal()), Signal: wait.Signal().String()}
	}
	return Status{Code: state.ExitCode()}
}

func isSameVariable(a, b string) bool { return a == b }

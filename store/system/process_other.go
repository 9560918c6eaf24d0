//go:build !linux && !darwin && !freebsd && !windows

package system

import (
	"errors"
	"os"
	"syscall"
)

// Started knows only whether there is a process with this number (kill(2)). One that came
// later is taken for it until the intent is old.
func (here) Started(pid int) (string, error) {
	process, err := os.FindProcess(pid)
	if err != nil {
		return "", os.ErrProcessDone
	}
	defer process.Release()
	if errors.Is(process.Signal(syscall.Signal(0)), os.ErrProcessDone) {
		return "", os.ErrProcessDone
	}
	return "", nil
}

// IsStopped cannot tell here.
func (here) IsStopped(int) bool { return false }

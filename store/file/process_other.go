//go:build !linux

package file

import (
	"errors"
	"os"
	"syscall"
)

func processRealm(host string) string { return host }

// processStart knows only whether there is a process with this number. One
// that came later is taken for it until the intent is old.
func processStart(pid int) (started string, isRunning bool) {
	process, err := os.FindProcess(pid)
	if err != nil {
		return "", false
	}
	defer process.Release()
	return "", !errors.Is(process.Signal(syscall.Signal(0)), os.ErrProcessDone)
}

// existsOtherwise has no second way to ask.
func existsOtherwise(int) bool { return false }

// isStopped: elsewhere no file says so.
func isStopped(int) bool { return false }

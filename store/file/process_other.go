//go:build !linux

package file

import (
	"errors"
	"os"
	"syscall"
)

func pidNamespace(host string) string { return host }

// processStart knows only whether there is a process with this number. One
// that came later is taken for it until the intent is old.
func processStart(pid int) (started string, running bool) {
	process, err := os.FindProcess(pid)
	if err != nil {
		return "", false
	}
	defer process.Release()
	return "", !errors.Is(process.Signal(syscall.Signal(0)), os.ErrProcessDone)
}

// existsOtherwise has no second way to ask.
func existsByKill(int) bool { return false }

// stopped: elsewhere no file says so.
func stopped(int) bool { return false }

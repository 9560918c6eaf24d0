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

// existsByKill has no second way to ask on this system.
func existsByKill(int) bool { return false }

// stopped cannot tell on this system.
func stopped(int) bool { return false }

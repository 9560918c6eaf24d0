package system

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// proc is where the system shows its processes.
var proc = "/proc"

// Started relies on proc(5): field 22 of stat is the start in clock ticks since boot, and
// field 3 is Z or X for a process that has ended. Two ways of asking must agree that a
// process is none, because each may be kept from knowing: /proc hides the processes of
// other users with hidepid=2.
func (here) Started(pid int) (string, error) {
	fields, err := stat(pid)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
		if existsByKill(pid) {
			return "", nil
		}
		return "", os.ErrProcessDone
	}
	const state, start = 0, 19
	switch {
	case len(fields) <= start:
		return "", nil
	case fields[state] == "Z", fields[state] == "X":
		return "", os.ErrProcessDone
	}
	return fields[start], nil
}

// stat is what stands behind the name, which can hold any character.
func stat(pid int) ([]string, error) {
	content, err := os.ReadFile(filepath.Join(proc, strconv.Itoa(pid), "stat"))
	return strings.Fields(string(content[bytes.LastIndexByte(content, ')')+1:])), err
}

// existsByKill asks the kernel for a process that /proc did not show (kill(2): ESRCH says
// that there is none, or a zombie). A zombie, which /proc does show, has ended.
func existsByKill(pid int) bool {
	if pid <= 0 || errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return false
	}
	_, err := os.Lstat(filepath.Join(proc, strconv.Itoa(pid)))
	return err != nil // else it is a zombie
}

// IsStopped relies on proc(5), field 3 of stat. A frozen control group does not show there.
func (here) IsStopped(pid int) bool {
	fields, _ := stat(pid)
	return len(fields) > 0 && (fields[0] == "T" || fields[0] == "t")
}

package file

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

// pidNamespace is one boot of one machine, and one namespace of process numbers in it.
func pidNamespace(string) string {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	namespace, err := os.Readlink("/proc/self/ns/pid")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(boot)) + " " + namespace
}

// proc is where the system shows its processes.
var proc = "/proc"

// processStart returns when a process started, in clock ticks since boot, and whether
// it runs: a zombie does not, and a process that cannot be read may. Both stand in
// stat behind the name, which can hold any character (proc(5), fields 3 and 22).
func processStart(pid int) (started string, running bool) {
	stat, err := os.ReadFile(filepath.Join(proc, strconv.Itoa(pid), "stat"))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
		return "", false
	}
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	const state, start = 0, 19
	if len(fields) <= start {
		return "", true
	}
	return fields[start], fields[state] != "Z" && fields[state] != "X"
}

// existsByKill asks the kernel for a process that /proc did not show. A zombie, which
// /proc does show, has ended.
func existsByKill(pid int) bool {
	if pid <= 0 || errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return false
	}
	_, err := os.Lstat(filepath.Join(proc, strconv.Itoa(pid)))
	return err != nil // else it is a zombie
}

// stopped reports whether a signal or a debugger has stopped a process (proc(5), field
// 3 of stat). A frozen control group does not show there.
func stopped(pid int) bool {
	stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return false
	}
	rest := bytes.TrimSpace(stat[bytes.LastIndexByte(stat, ')')+1:])
	return len(rest) > 0 && (rest[0] == 'T' || rest[0] == 't')
}

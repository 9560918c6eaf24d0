package file

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
)

// isStopped reports whether a process stands still because of a signal or a
// debugger (proc(5), field 3 of stat). A frozen control group does not show there.
func isStopped(pid int) bool {
	stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return false
	}
	rest := bytes.TrimSpace(stat[bytes.LastIndexByte(stat, ')')+1:])
	return len(rest) > 0 && (rest[0] == 'T' || rest[0] == 't')
}

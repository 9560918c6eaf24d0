package system

import (
	"errors"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// What p_stat says of a process, from sys/proc.h.
const (
	stopped = 4 // SSTOP
	zombie  = 5 // SZOMB
)

// Started relies on KERN_PROC_PID of sysctl(3), which ps(1) asks as well: p_starttime is the
// start to the microsecond, and there is no entry for a number that no process has. Where
// the question is refused, as in a sandbox, kill(2) says ESRCH of a process that has ended.
func (here) Started(pid int) (string, error) {
	found, err := unix.SysctlKinfoProcSlice("kern.proc.pid", pid)
	switch {
	case err != nil && !errors.Is(unix.Kill(pid, 0), unix.ESRCH):
		return "", nil
	case err != nil, len(found) == 0, found[0].Proc.P_stat == zombie:
		return "", os.ErrProcessDone
	}
	started := found[0].Proc.P_starttime
	return strconv.FormatInt(started.Sec*1e6+int64(started.Usec), 10), nil
}

// IsStopped relies on p_stat, as Started does.
func (here) IsStopped(pid int) bool {
	found, err := unix.SysctlKinfoProcSlice("kern.proc.pid", pid)
	return err == nil && len(found) > 0 && found[0].Proc.P_stat == stopped
}

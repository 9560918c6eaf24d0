package system

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// Started relies on KERN_PROC_PID of sysctl(3), which ps(1) asks as well: ki_start is the
// start to the microsecond, and ESRCH says that no process has this number, or none that this
// user may see. A zombie has ended.
func (here) Started(pid int) (string, error) {
	boot, err := bootMicros()
	if err != nil {
		return "", nil
	}
	found, err := lookUp(pid)
	again, unknown := bootMicros()
	switch {
	case errors.Is(err, unix.ESRCH) && seesAll(), err == nil && found.status == kinfoZombie:
		return "", os.ErrProcessDone
	case err != nil, unknown != nil, again != boot: // the clock was set meanwhile
		return "", nil
	}
	return found.sinceBoot(boot), nil
}

// IsStopped relies on ki_stat, as Started does.
func (here) IsStopped(pid int) bool {
	found, err := lookUp(pid)
	return err == nil && found.status == kinfoStopped
}

func lookUp(pid int) (kinfo, error) {
	raw, err := unix.SysctlRaw("kern.proc.pid", pid)
	if err != nil {
		return kinfo{}, err
	}
	found, ok := parseKinfo(raw)
	if !ok {
		return kinfo{}, errors.ErrUnsupported
	}
	return found, nil
}

// bootMicros is when the system started, as the clock of now has it (kern.boottime of sysctl(3)).
func bootMicros() (int64, error) {
	boot, err := unix.SysctlTimeval("kern.boottime")
	if err != nil {
		return 0, err
	}
	return int64(boot.Sec)*1e6 + int64(boot.Usec), nil
}

// seesAll reports whether no process is hidden from this user. These sysctls hide those of
// other users, of other groups and of jails below (security(7), mac_seeotheruids(4)).
func seesAll() bool {
	for _, name := range []string{"security.bsd.see_other_uids", "security.bsd.see_other_gids", "security.bsd.see_jail_proc"} {
		if sees, err := unix.SysctlUint32(name); err == nil && sees == 0 && os.Geteuid() != 0 {
			return false
		}
	}
	return true
}

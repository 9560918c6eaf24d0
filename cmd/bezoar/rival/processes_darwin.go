package rival

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// processes asks the kernel for the programs of this user, their words and variables.
// It shows the variables of programs of Apple to none.
func processes() (running map[int]process, isKnown bool) {
	known, err := unix.SysctlKinfoProcSlice("kern.proc.uid", os.Geteuid())
	if err != nil {
		return nil, false
	}
	running = map[int]process{}
	for _, each := range known {
		pid := int(each.Proc.P_pid)
		block, err := unix.SysctlRaw("kern.procargs2", pid)
		if err != nil {
			continue // it has ended
		}
		words, variables := apart(block)
		started := each.Proc.P_starttime
		running[pid] = process{
			pid: pid, parent: int(each.Eproc.Ppid), words: words, began: time.Unix(started.Sec, int64(started.Usec)*1000),
			variables: func() []string { return variables },
			path:      func(path string) string { return path },
		}
	}
	return running, true
}

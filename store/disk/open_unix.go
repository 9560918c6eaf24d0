//go:build unix

package disk

import (
	"os"
	"syscall"
)

// NonBlocking lets nothing wait for the other end of a pipe.
const NonBlocking = syscall.O_NONBLOCK | syscall.O_NOCTTY

// mayEntrust reports whether files can be given away.
func mayEntrust() bool { return os.Geteuid() == 0 }

// entrust gives a new file to the owner of another one or of a folder: a run
// under sudo must not leave files that the user may not use. Root without
// CAP_CHOWN, in a container, cannot, and the file stays root's. It reports
// whether there was somebody else to give it to.
func entrust(file *os.File, like string) bool {
	info, err := os.Stat(like)
	if err != nil {
		return false
	}
	owner := info.Sys().(*syscall.Stat_t)
	if owner.Uid != 0 {
		_ = file.Chown(int(owner.Uid), int(owner.Gid))
	}
	return owner.Uid != 0
}

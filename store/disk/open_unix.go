//go:build unix

package disk

import (
	"os"
	"sync"
	"syscall"
)

// NonBlocking lets nothing wait for the other end of a pipe.
const NonBlocking = syscall.O_NONBLOCK | syscall.O_NOCTTY

// folderOwners remembers whose each folder is: a home does not change hands while
// a program runs in it, and nearly always it is one folder.
var folderOwners sync.Map

// mayEntrust reports whether what is made in a folder is to be given away: this is
// root, and the folder is another user's.
func mayEntrust(folder string) bool {
	if os.Geteuid() != 0 {
		return false
	}
	owner, ok := folderOwners.Load(folder)
	if !ok {
		info, err := os.Stat(folder)
		if err != nil {
			return false
		}
		owner = info.Sys().(*syscall.Stat_t).Uid
		folderOwners.Store(folder, owner)
	}
	return owner.(uint32) != 0
}

// mayBequeath reports whether a file can be given away at all.
func mayBequeath() bool { return os.Geteuid() == 0 }

// entrust gives a new file to the owner of another one or of a folder: a run
// under sudo must not leave files that the user may not use. Root without
// CAP_CHOWN, in a container, cannot, and the file stays root's. It reports
// whether there was another owner to give it to.
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

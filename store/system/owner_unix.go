//go:build !windows

package system

import (
	"os"
	"sync"
	"syscall"
)

// IsOwn relies on stat(2), and on root being allowed everything. In a container that need
// not be so; then the write itself says so.
func (here) IsOwn(info os.FileInfo) bool {
	user := os.Geteuid()
	return user == 0 || int(info.Sys().(*syscall.Stat_t).Uid) == user
}

// folderOwners remembers whose each folder is: a home does not change hands while
// a program runs in it, and nearly always it is one folder.
var folderOwners sync.Map

// MustEntrust is true where this is root, and the folder is another user's.
func (here) MustEntrust(folder string) bool {
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

// Entrust relies on chown(2), which is for root alone: a run under sudo must not leave
// files that the user may not use. Root without CAP_CHOWN, in a container, cannot, and
// the file stays root's.
func (here) Entrust(file *os.File, like string) bool {
	if os.Geteuid() != 0 {
		return false
	}
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

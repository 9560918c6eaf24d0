//go:build !windows

package system

import (
	"os"

	"github.com/gofrs/flock"
)

// NewLock relies on flock(2): of two open files, also of one process, one has the lock;
// it ends when all who have inherited it have closed it or died.
func (here) NewLock(path string) Lock {
	return flock.New(path, flock.SetFlag(os.O_CREATE|os.O_RDONLY|nonBlocking), flock.SetPermissions(0o600))
}

// NewContentLock relies on flock(2), which is advisory: it hinders no process that does not ask.
func (here) NewContentLock(path string) Lock {
	return flock.New(path, flock.SetFlag(os.O_RDONLY|nonBlocking))
}

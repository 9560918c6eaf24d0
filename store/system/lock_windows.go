package system

import (
	"os"

	"github.com/gofrs/flock"
)

// NewLock is LockFileEx.
func (here) NewLock(path string) Lock {
	return flock.New(path, flock.SetFlag(os.O_CREATE|os.O_RDONLY), flock.SetPermissions(0o600))
}

// NewContentLock is LockFileEx.
func (here) NewContentLock(path string) Lock { return flock.New(path, flock.SetFlag(os.O_RDONLY)) }

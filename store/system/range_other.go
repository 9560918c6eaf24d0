//go:build !linux

package system

import (
	"errors"
	"os"
)

// LockRange is not needed where files are not mounted into several homes.
func (here) LockRange(*os.File) (locked bool, err error) { return false, errors.ErrUnsupported }

//go:build !linux && !windows

package system

import (
	"errors"
	"os"
)

// LockRange is unknown here: the locks of fcntl(2) belong to the process, and end when it
// closes any file of that name, which a read does. So two homes that have one file under two
// names refresh by themselves. Single files are not mounted here.
func (here) LockRange(*os.File) (locked bool, err error) { return false, errors.ErrUnsupported }

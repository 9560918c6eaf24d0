package system

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// LockRange relies on LockFileEx: a lock of one byte knows nothing of that of another one. It is
// for a file with several names alone, which is written in place. Any other one could not be
// replaced by most programs while we have it open (MoveFileEx), as long as a refresh takes; and it
// is shared only by a link, whose folder has a lock.
func (here) LockRange(file *os.File) (locked bool, err error) {
	handle := windows.Handle(file.Fd())
	standard, err := query[standardInfo](handle, windows.FileStandardInfo)
	if err != nil || standard.names < 2 {
		return false, errors.ErrUnsupported
	}
	place := windows.Overlapped{OffsetHigh: farAway, Offset: 1} // behind the byte of NewContentLock
	err = windows.LockFileEx(handle, windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, &place)
	switch {
	case err == nil:
		return true, nil
	case errors.Is(err, windows.ERROR_LOCK_VIOLATION):
		return false, nil
	}
	return false, errors.ErrUnsupported
}

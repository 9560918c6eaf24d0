package doctor

import (
	"errors"

	"golang.org/x/sys/windows"
)

// ownerOf reports every file as ours: here files have the permissions of their folder.
func ownerOf(string) (id int, ours bool) { return 0, true }

func openFileLimit() (limit uint64, known bool) { return 0, false }

// The errors are in Microsoft's "System Error Codes".

// isFull reports whether the disk, or the quota of this user, is full.
func isFull(err error) bool {
	return errors.Is(err, windows.ERROR_DISK_FULL) || errors.Is(err, windows.ERROR_HANDLE_DISK_FULL) || errors.Is(err, windows.ERROR_DISK_QUOTA_EXCEEDED)
}

// isReadOnly reports whether the disk takes nothing.
func isReadOnly(err error) bool { return errors.Is(err, windows.ERROR_WRITE_PROTECT) }

// isOutOfFiles reports whether too many files are open.
func isOutOfFiles(err error) bool { return errors.Is(err, windows.ERROR_TOO_MANY_OPEN_FILES) }

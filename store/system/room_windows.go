package system

import (
	"os"
	"syscall"

	"golang.org/x/sys/windows"
)

// HasRoom relies on CreateFile, which tells whether this user may make a file in a folder
// (FILE_ADD_FILE, which is FILE_WRITE_DATA of a file), and on GetDiskFreeSpaceEx: what is free for this user, whose quota counts.
func (here) HasRoom(folder string, bytes int) error {
	handle, err := openHandle(folder, windows.FILE_WRITE_DATA, windows.FILE_FLAG_BACKUP_SEMANTICS)
	if err != nil {
		return &os.PathError{Op: "write to", Path: folder, Err: err}
	}
	windows.CloseHandle(handle)
	name, err := windows.UTF16PtrFromString(folder)
	if err != nil {
		return err
	}
	var free uint64
	if err := windows.GetDiskFreeSpaceEx(name, &free, nil, nil); err == nil && free < uint64(bytes) {
		return &os.PathError{Op: "write to", Path: folder, Err: syscall.ENOSPC}
	}
	return nil
}

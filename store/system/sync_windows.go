package system

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// Sync relies on FlushFileBuffers: what is buffered of the file is written to the disk,
// and the disk writes its own cache.
func (here) Sync(file *os.File) error { return file.Sync() }

// SyncFolder relies on NtFlushBuffersFileEx, which is FlushFileBuffers for a folder as well:
// without a flag it writes what is known of the folder and has the disk write its cache. A
// disk that cannot do that for a folder, or a folder whose names this user may not change,
// is no error: NTFS writes its log a few seconds later.
func (here) SyncFolder(path string) error {
	folder, err := openHandle(path, windows.GENERIC_WRITE, windows.FILE_FLAG_BACKUP_SEMANTICS)
	if err == nil {
		defer windows.CloseHandle(folder)
		err = windows.FlushFileBuffers(folder)
	}
	if err != nil && !cannotSync(err) {
		return &os.PathError{Op: "sync", Path: path, Err: err}
	}
	return nil
}

func cannotSync(err error) bool {
	for _, each := range []error{windows.ERROR_ACCESS_DENIED, windows.ERROR_SHARING_VIOLATION, windows.ERROR_INVALID_FUNCTION, windows.ERROR_NOT_SUPPORTED, windows.ERROR_INVALID_PARAMETER} {
		if errors.Is(err, each) {
			return true
		}
	}
	return false
}

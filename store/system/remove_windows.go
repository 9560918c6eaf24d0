package system

import (
	"errors"
	"os"
	"unsafe"

	"golang.org/x/sys/windows"
)

// Remove relies on FILE_DISPOSITION_INFO_EX, which Windows 10 1607 brought: with
// FILE_DISPOSITION_POSIX_SEMANTICS those who have the file open, and share it for that, keep
// it, and its name is free at once. On a disk that has no such removal (FAT) the name is free
// when the last of them closes the file (DeleteFile). A file that others do not share is
// waited for, and [ErrHeld] if they do not let go.
func (here) Remove(path string) error {
	passes := func(err error) bool {
		return isShared(err) || errors.Is(err, windows.ERROR_ACCESS_DENIED) && isHeld(path)
	}
	return patiently(passes, func() error {
		if unlink(path) == nil {
			return nil
		}
		return os.Remove(path)
	})
}

func unlink(path string) error {
	file, err := openHandle(path, windows.DELETE, windows.FILE_FLAG_OPEN_REPARSE_POINT|windows.FILE_FLAG_BACKUP_SEMANTICS)
	if err != nil {
		return err
	}
	defer windows.CloseHandle(file)
	flags := uint32(windows.FILE_DISPOSITION_DELETE | windows.FILE_DISPOSITION_POSIX_SEMANTICS)
	return windows.SetFileInformationByHandle(file, windows.FileDispositionInfoEx, (*byte)(unsafe.Pointer(&flags)), uint32(unsafe.Sizeof(flags)))
}

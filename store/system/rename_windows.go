package system

import (
	"errors"
	"os"
	"path/filepath"
	"unsafe"

	"golang.org/x/sys/windows"
)

// Rename relies on FILE_RENAME_INFO, with the flags of FILE_RENAME_INFORMATION that
// Windows 10 1607 brought: FILE_RENAME_POSIX_SEMANTICS replaces a file that others have
// open, if they share it for removal. They keep the old one; who opens the name from then on
// gets the new one. A disk that has no such rename (FAT, some network drives) replaces only
// a file that no process has open (MoveFileEx).
//
// A file that others have open and do not share is waited for, and [ErrHeld] if they do not
// let go.
func (s here) Rename(from, to string) error {
	return s.RenameIf(from, to, func() bool { return true })
}

// RenameIf looks and renames: what changes in between is not seen.
func (here) RenameIf(from, to string, holds func() bool) error {
	passes := func(err error) bool {
		return isShared(err) || errors.Is(err, windows.ERROR_ACCESS_DENIED) && isHeld(to)
	}
	return patiently(passes, func() error {
		if !holds() {
			return ErrChanged
		}
		err := replace(from, to)
		if hasNoReplace(err) {
			err = move(from, to)
		}
		if err != nil {
			return &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
		}
		return nil
	})
}

// hasNoReplace reports that the disk or the system has no rename over open files.
func hasNoReplace(err error) bool {
	for _, each := range []error{windows.ERROR_INVALID_PARAMETER, windows.ERROR_NOT_SUPPORTED, windows.ERROR_INVALID_FUNCTION, windows.ERROR_CALL_NOT_IMPLEMENTED} {
		if errors.Is(err, each) {
			return true
		}
	}
	return false
}

// renameInfo is FILE_RENAME_INFO. The name goes on behind its first letter.
type renameInfo struct {
	flags  uint32
	root   windows.Handle
	length uint32 // of the name in bytes, without its end
	name   [1]uint16
}

func replace(from, to string) error {
	target, err := filepath.Abs(to) // the page speaks of a full path
	if err != nil {
		return err
	}
	name, err := windows.UTF16FromString(target)
	if err != nil {
		return err
	}
	file, err := openHandle(from, windows.DELETE, windows.FILE_FLAG_OPEN_REPARSE_POINT|windows.FILE_FLAG_BACKUP_SEMANTICS)
	if err != nil {
		return err
	}
	defer windows.CloseHandle(file)
	size := int(unsafe.Offsetof(renameInfo{}.name)) + 2*len(name)
	buffer := make([]uint64, (size+int(unsafe.Sizeof(renameInfo{})))/8+1) // aligned as the page wants it
	info := (*renameInfo)(unsafe.Pointer(&buffer[0]))
	info.flags = windows.FILE_RENAME_REPLACE_IF_EXISTS | windows.FILE_RENAME_POSIX_SEMANTICS
	info.length = uint32(2 * (len(name) - 1))
	copy(unsafe.Slice(&info.name[0], len(name)), name)
	return windows.SetFileInformationByHandle(file, windows.FileRenameInfoEx, (*byte)(unsafe.Pointer(info)), uint32(size))
}

func move(from, to string) error {
	old, err := windows.UTF16PtrFromString(from)
	if err != nil {
		return err
	}
	name, err := windows.UTF16PtrFromString(to)
	if err != nil {
		return err
	}
	return windows.MoveFileEx(old, name, windows.MOVEFILE_REPLACE_EXISTING|windows.MOVEFILE_WRITE_THROUGH)
}

package system

import (
	"io/fs"
	"unsafe"

	"golang.org/x/sys/windows"
)

// Stamp relies on FILE_INTERNAL_INFORMATION: no other file of the disk has this index number at
// the same time. It is 0 where the disk has none, and the next file may get that of a file which
// is gone: FAT makes it of the place in the folder. FILE_BASIC_INFO has when the content changed, and
// when anything did. Both come from a clock that moves once in 1 to 16 ms.
//
// The number costs an open file, which the times alone would not. A file that is opened for its
// attributes alone hinders no other program, and is not hindered (dwDesiredAccess of CreateFile).
// GetFileInformationByHandle has the number too, and asks the disk for its name as well.
func (here) Stamp(path string) (Stamp, error) {
	file, err := openHandle(path, windows.FILE_READ_ATTRIBUTES, windows.FILE_FLAG_BACKUP_SEMANTICS)
	if err != nil {
		return Stamp{}, &fs.PathError{Op: "stat", Path: path, Err: err}
	}
	defer windows.CloseHandle(file)
	basic, err := query[basicInfo](file, windows.FileBasicInfo)
	if err != nil {
		return Stamp{}, &fs.PathError{Op: "stat", Path: path, Err: err}
	}
	standard, err := query[standardInfo](file, windows.FileStandardInfo)
	if err != nil {
		return Stamp{}, &fs.PathError{Op: "stat", Path: path, Err: err}
	}
	stamp := Stamp{Size: standard.size, Modified: since1970(basic.written)}
	if basic.changed != 0 { // FAT does not know it
		stamp.Changed = since1970(basic.changed)
	}
	var status windows.IO_STATUS_BLOCK
	_ = windows.NtQueryInformationFile(file, &status, (*byte)(unsafe.Pointer(&stamp.Inode)), uint32(unsafe.Sizeof(stamp.Inode)), internalInformation)
	return stamp, nil
}

const internalInformation = 6 // in FILE_INFORMATION_CLASS

// query asks for what GetFileInformationByHandleEx says of a file.
func query[info any](file windows.Handle, class uint32) (found info, err error) {
	err = windows.GetFileInformationByHandleEx(file, class, (*byte)(unsafe.Pointer(&found)), uint32(unsafe.Sizeof(found)))
	return found, err
}

// basicInfo is FILE_BASIC_INFO. Its times are no [windows.Filetime], which may lie at an address
// that is no multiple of 8: Windows fills in nothing there (ERROR_NOACCESS), though Wine does.
type basicInfo struct {
	created, read, written, changed int64
	attributes                      uint32
	_                               uint32
}

// since1970 is a time of the disk in nanoseconds since 1970.
func since1970(at int64) int64 {
	return (&windows.Filetime{LowDateTime: uint32(at), HighDateTime: uint32(at >> 32)}).Nanoseconds()
}

// standardInfo is FILE_STANDARD_INFO.
type standardInfo struct {
	room, size          int64
	names               uint32
	isRemoved, isFolder bool
}

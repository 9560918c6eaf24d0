package system

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/windows"
)

// Open relies on CreateFile: with FILE_SHARE_DELETE others may rename and remove the file
// while we have it open, which [os.OpenFile] would keep them from. A file that it makes has
// the access list of forOwner. Pipes have no place in a folder here.
func (here) Open(path string, flag int) (*os.File, error) {
	passes := func(err error) bool {
		return isShared(err) || errors.Is(err, windows.ERROR_ACCESS_DENIED) && isHeld(path)
	}
	var file *os.File
	err := patiently(passes, func() (err error) {
		file, err = open(path, flag)
		return err
	})
	return file, err
}

func open(path string, flag int) (*os.File, error) {
	name, err := windows.UTF16PtrFromString(path)
	var security *windows.SecurityAttributes
	if err == nil && flag&os.O_CREATE != 0 {
		security, err = forOwner(path, "")
	}
	var handle windows.Handle
	if err == nil {
		handle, err = windows.CreateFile(name, accessOf(flag), shareAll, security, dispositionOf(flag), attributesOf(flag), 0)
	}
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	return os.NewFile(uintptr(handle), path), nil
}

// accessOf lets a file that is appended to be written nowhere else: the system puts each
// write behind the last byte (CreateFile, FILE_APPEND_DATA without FILE_WRITE_DATA).
func accessOf(flag int) (access uint32) {
	if flag&os.O_WRONLY == 0 {
		access = windows.GENERIC_READ
	}
	switch {
	case flag&os.O_APPEND != 0:
		const all = windows.FILE_GENERIC_WRITE
		access |= all &^ windows.FILE_WRITE_DATA
	case flag&(os.O_WRONLY|os.O_RDWR) != 0:
		access |= windows.GENERIC_WRITE
	}
	return access
}

func dispositionOf(flag int) uint32 {
	switch {
	case flag&os.O_CREATE == 0:
		return windows.OPEN_EXISTING
	case flag&os.O_EXCL == 0:
		return windows.OPEN_ALWAYS
	}
	return windows.CREATE_NEW
}

// attributesOf keeps a link from being followed to where a new file would be made, as
// O_EXCL does elsewhere, and lets a folder be read.
func attributesOf(flag int) uint32 {
	attributes := uint32(windows.FILE_ATTRIBUTE_NORMAL)
	if flag&os.O_EXCL != 0 {
		attributes |= windows.FILE_FLAG_OPEN_REPARSE_POINT
	}
	if flag&(os.O_WRONLY|os.O_RDWR) == 0 {
		attributes |= windows.FILE_FLAG_BACKUP_SEMANTICS
	}
	return attributes
}

// MakeFolder relies on CreateDirectory, which takes an access list as CreateFile does. What
// other programs make in the folder inherits it (OI and CI, in "ACE Strings").
func (here) MakeFolder(path string) error {
	name, err := windows.UTF16PtrFromString(path)
	var security *windows.SecurityAttributes
	if err == nil {
		security, err = forOwner(path, "OICI")
	}
	if err == nil {
		err = windows.CreateDirectory(name, security)
	}
	if err != nil {
		return &fs.PathError{Op: "mkdir", Path: path, Err: err}
	}
	return nil
}

// MovesOpen is true: [here.Open] shares a file for that.
func (here) MovesOpen() bool { return true }

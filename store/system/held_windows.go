package system

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"time"

	"golang.org/x/sys/windows"
)

// On Windows a program that opens a file says what others may do with it meanwhile. Most
// programs let no other replace or remove it, and a virus scanner, a backup or OneDrive may
// open any file at any moment, as a rule for milliseconds. So what fails for that reason is
// tried again, as the Go command does with its own files.

// patience is how long a file may be held by another program. A person does not wait
// longer, and a scanner is seldom slower.
const patience = 2 * time.Second

// patiently tries again while passes says that the error may go by itself. An error that
// does not go is [ErrHeld] as well.
func patiently(passes func(error) bool, try func() error) error {
	var begin time.Time
	for pause := time.Millisecond; ; pause = min(2*pause, patience/20) {
		err := try()
		switch {
		case err == nil || !passes(err):
			return err
		case begin.IsZero():
			begin = time.Now()
		case time.Since(begin) > patience:
			return held(err)
		}
		time.Sleep(pause/2 + rand.N(pause))
	}
}

// held is err, which keeps its paths, as an error that is [ErrHeld].
func held(err error) error {
	if of, ok := errors.AsType[*fs.PathError](err); ok {
		return &fs.PathError{Op: of.Op, Path: of.Path, Err: fmt.Errorf("%w (%w)", ErrHeld, of.Err)}
	}
	if of, ok := errors.AsType[*os.LinkError](err); ok {
		return &os.LinkError{Op: of.Op, Old: of.Old, New: of.New, Err: fmt.Errorf("%w (%w)", ErrHeld, of.Err)}
	}
	return fmt.Errorf("%w (%w)", ErrHeld, err)
}

// isShared reports that another program has opened a file and does not share it for what
// was tried, or has locked it (learn.microsoft.com, "Creating and Opening Files" and
// "System Error Codes").
func isShared(err error) bool {
	return errors.Is(err, windows.ERROR_SHARING_VIOLATION) || errors.Is(err, windows.ERROR_LOCK_VIOLATION)
}

// isHeld tells why the access to a file was denied: because others have it open, or because
// this user may not have it. A file that was removed and is still open somewhere denies all
// access, to its attributes too, and its name is free once it is closed (DeleteFile). A file
// that can be opened for removal, or could be but for its sharing, is not denied by its
// access list: it could not be replaced because it is open.
func isHeld(path string) bool {
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return false
	}
	attributes, err := windows.GetFileAttributes(name)
	if err != nil {
		return errors.Is(err, windows.ERROR_ACCESS_DENIED)
	}
	if attributes&(windows.FILE_ATTRIBUTE_READONLY|windows.FILE_ATTRIBUTE_DIRECTORY) != 0 {
		return false
	}
	handle, err := openHandle(path, windows.DELETE, windows.FILE_FLAG_OPEN_REPARSE_POINT)
	if err == nil {
		windows.CloseHandle(handle)
	}
	return err == nil || isShared(err)
}

// shareAll lets others read, write, rename and remove a file while we have it open
// (CreateFile, dwShareMode).
const shareAll = windows.FILE_SHARE_READ | windows.FILE_SHARE_WRITE | windows.FILE_SHARE_DELETE

// openHandle opens what is there.
func openHandle(path string, access, attributes uint32) (windows.Handle, error) {
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return windows.InvalidHandle, err
	}
	return windows.CreateFile(name, access, shareAll, nil, windows.OPEN_EXISTING, attributes, 0)
}

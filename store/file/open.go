package file

import (
	"io/fs"
	"os"

	"github.com/bezoar-auth/bezoar/store/disk"
)

// openFile opens what is a regular file: a folder cannot be read, and a pipe
// would block. It returns a [*noFileError] for anything else.
func openFile(path string, flag int) (*os.File, os.FileInfo, error) {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return nil, nil, &noFileError{info.Mode()} // to open a device may do something
	}
	file, err := os.OpenFile(path, flag|disk.NonBlocking, 0o600)
	if err != nil {
		return nil, nil, err
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = &noFileError{info.Mode()}
	}
	if err != nil {
		file.Close()
		return nil, nil, err
	}
	return file, info, nil
}

// noFileError reports that something else is where a file should be.
type noFileError struct{ mode fs.FileMode }

func (e *noFileError) Error() string {
	switch {
	case e.mode.IsDir():
		return "a folder is in its place"
	case e.mode&fs.ModeNamedPipe != 0:
		return "a pipe is in its place"
	case e.mode&fs.ModeDevice != 0:
		return "a device is in its place"
	}
	return "something that is no file is in its place"
}

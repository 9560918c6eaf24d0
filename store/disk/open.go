package disk

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Open opens a regular file of a home, and nothing else: to open a pipe would
// block, to read a device might never end. It returns a [*NotAFileError] then.
// With os.O_CREATE the file is for its owner alone, who is that of
// the folder, also when root makes it.
//
// Every file of a home is opened by this method, by Read, New or Lock.
func (d Disk) Open(path string, flag int) (*os.File, os.FileInfo, error) {
	switch info, err := os.Stat(path); {
	case err == nil && !info.Mode().IsRegular():
		return nil, nil, &NotAFileError{info.Mode()} // to open a device may do something
	case errors.Is(err, fs.ErrNotExist) && flag&os.O_CREATE != 0:
		d.prepare(path)
	}
	file, err := d.System().Open(path, flag)
	if err != nil {
		return nil, nil, err
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = &NotAFileError{info.Mode()}
	}
	if err != nil {
		file.Close()
		return nil, nil, err
	}
	return file, info, nil
}

// prepare makes a missing file, if root would make it in another user's folder. A file
// that is there keeps its owner: it may be a link to a file that the owner of the
// folder must not get.
func (d Disk) prepare(path string) {
	if !d.System().MustEntrust(filepath.Dir(path)) {
		return
	}
	if file, err := d.New(path); err == nil {
		file.Close()
	}
}

// New makes a file that was not there, for its owner alone as Open does. It returns
// [fs.ErrExist] if there is anything of that name.
func (d Disk) New(path string) (*os.File, error) {
	file, err := d.System().Open(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL)
	if err != nil {
		return nil, err
	}
	if folder := filepath.Dir(path); d.System().MustEntrust(folder) {
		d.System().Entrust(file, folder)
	}
	return file, nil
}

// Bequeath gives a new file to the owner of the file that it replaces. If that is
// root, the owner of the folder gets it.
func (d Disk) Bequeath(file *os.File, old string) {
	on, folder := d.System(), filepath.Dir(old)
	if !on.Entrust(file, old) && on.MustEntrust(folder) {
		on.Entrust(file, folder)
	}
}

// ErrTooLarge reports a file that holds more than any program of ours writes.
var ErrTooLarge = errors.New("it is too large")

// Read reads a regular file of a home of at most limit bytes. It returns the
// errors of Open, and [ErrTooLarge].
func (d Disk) Read(path string, limit int64) ([]byte, os.FileInfo, error) {
	file, info, err := d.Open(path, os.O_RDONLY)
	if err != nil {
		return nil, nil, err
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err == nil && int64(len(content)) > limit {
		err = ErrTooLarge
	}
	return content, info, err
}

// ReadFolder lists a folder, sorted by name. What is no folder is an error.
func (d Disk) ReadFolder(path string) ([]fs.DirEntry, error) {
	folder, err := d.System().Open(path, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer folder.Close()
	if info, err := folder.Stat(); err == nil && !info.IsDir() { // Windows would say that there is nothing
		return nil, &fs.PathError{Op: "list", Path: path, Err: errors.New("it is no folder")}
	}
	found, err := folder.ReadDir(-1)
	slices.SortFunc(found, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return found, err
}

// NotAFileError reports that something else is where a file should be.
type NotAFileError struct{ Mode fs.FileMode }

func (e *NotAFileError) Error() string {
	switch {
	case e.Mode.IsDir():
		return "a folder is in its place"
	case e.Mode&fs.ModeNamedPipe != 0:
		return "a pipe is in its place"
	case e.Mode&fs.ModeDevice != 0:
		return "a device is in its place"
	}
	return "something that is no file is in its place"
}

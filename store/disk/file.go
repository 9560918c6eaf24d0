// Package disk makes files that appear whole in a home, and locks them. It knows no
// credential.
package disk

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
)

// A Step is called before each system call that leaves a trace, with its name, so
// that a test can end there.
type Step func(name string)

// In is the step of a part, whose names begin with prefix.
func (s Step) In(prefix string) Step {
	return func(name string) { s(prefix + name) }
}

// RoomMargin is how much more than the login of now a home must have room for, beside
// as much again: new tokens may be longer.
const RoomMargin = 16 << 10

// Room is content that takes as much room as the successor of a login of this length
// may need. It is random: a disk that compresses has room for any number of zeros.
func Room(length int) []byte {
	room := make([]byte, 2*length+RoomMargin)
	rand.Read(room)
	return room
}

// Create makes a file that only its owner may read. It is on the disk, with its
// name, when nil is returned; else there is none. It is an error if there is one
// of that name. A crash may leave part of it: give it a name that counts for
// nothing yet.
func Create(path string, content []byte, step Step) error {
	step("create")
	file, err := New(path)
	if err != nil {
		return err
	}
	if err := fill(file, content, step); err != nil {
		os.Remove(path)
		return err
	}
	step("sync folder of the new file")
	return SyncFolder(filepath.Dir(path))
}

func fill(file *os.File, content []byte, step Step) error {
	defer file.Close()
	step("write")
	if _, err := file.Write(content); err != nil {
		return err
	}
	step("sync")
	return file.Sync()
}

// MakeFolder makes a folder for its owner alone, who is that of the folder it is
// in, also when root makes it. It is no error if there is one.
func MakeFolder(path string, step Step) error {
	step("make folder")
	if err := os.Mkdir(path, 0o700); errors.Is(err, fs.ErrExist) {
		return nil
	} else if err != nil {
		return err
	}
	if mayEntrust(filepath.Dir(path)) {
		if folder, err := os.Open(path); err == nil {
			entrust(folder, filepath.Dir(path))
			folder.Close()
		}
	}
	step("sync parent folder")
	return SyncFolder(filepath.Dir(path))
}

// Rename gives a file the name of another one, which is gone then: a
// reader sees the one or the other.
func Rename(from, to string, step Step) error {
	step("rename")
	if err := os.Rename(from, to); err != nil {
		return err
	}
	step("sync folder")
	return SyncFolder(filepath.Dir(to))
}

// Remove removes a file for good. It is no error if there is none. A folder in
// its place is one.
func Remove(path string, step Step) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil && info.IsDir() {
		err = &fs.PathError{Op: "remove", Path: path, Err: errors.New("it is a folder")}
	}
	if err != nil {
		return err
	}
	step("remove")
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	step("sync folder after the removal")
	return SyncFolder(filepath.Dir(path))
}

// SyncFolder makes the names in a folder durable. A file system that cannot sync
// a folder says so in one of several ways, which are no errors, as PostgreSQL has
// it (fsync_fname in fd.c: EBADF and EINVAL): it orders its names itself, or it is
// one that loses them with the power, and no program can help that. Windows has
// no need. An error that is left is a disk that fails.
func SyncFolder(path string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	defer folder.Close()
	if err := folder.Sync(); err != nil && !cannotSync(err) {
		return err
	}
	return nil
}

// cannotSync reports that a folder cannot be synced at all. EPERM, EACCES and
// EISDIR are what some FUSE and network file systems answer.
func cannotSync(err error) bool {
	for _, each := range []error{syscall.EBADF, syscall.EINVAL, syscall.EPERM, syscall.EACCES, syscall.EISDIR, errors.ErrUnsupported} {
		if errors.Is(err, each) {
			return true
		}
	}
	return false
}

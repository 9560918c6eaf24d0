// Package disk is what the backends that live in a home do to it: files that
// appear there whole, and locks. It knows no credential.
package disk

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
)

// A Step is told of each system call that leaves a trace, before it is made, so
// that a test can end there.
type Step func(name string)

// Create makes a file that only its owner may read. It is on the disk, with its
// name, when nil is returned; else there is none. It is an error if there is one
// of that name. A crash may leave part of it: give it a name that counts for
// nothing yet.
func Create(path string, content []byte, step Step) error {
	step("create")
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
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

// Rename gives a file the name of another one, which is gone then: whoever
// looks sees the one or the other.
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

// SyncFolder makes the names in a folder durable. Some file systems cannot,
// and Windows has no need.
func SyncFolder(path string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	defer folder.Close()
	if err := folder.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	return nil
}

// Package disk makes files that appear whole in a home, and locks them. It knows no
// credential.
package disk

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/bezoar-auth/bezoar/store/system"
)

// Disk makes, reads and locks the files of homes. The zero value is the disk of this
// system.
type Disk struct {
	On     system.System     // nil is [system.Here]
	Before func(step string) // called before each system call that leaves a trace, with its name, so that a test can end there; nil for none
}

// Here is the disk of this system.
var Here Disk

// System is what the disk is on.
func (d Disk) System() system.System {
	if d.On == nil {
		return system.Here
	}
	return d.On
}

// Step says what is about to leave a trace.
func (d Disk) Step(name string) {
	if d.Before != nil {
		d.Before(name)
	}
}

// In is the disk for a part, whose steps begin with prefix.
func (d Disk) In(prefix string) Disk {
	return Disk{On: d.On, Before: func(step string) { d.Step(prefix + step) }}
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
func (d Disk) Create(path string, content []byte) error {
	d.Step("create")
	file, err := d.New(path)
	if err != nil {
		return err
	}
	if err := d.fill(file, content); err != nil {
		d.System().Remove(path)
		return err
	}
	d.Step("sync folder of the new file")
	return d.System().SyncFolder(filepath.Dir(path))
}

func (d Disk) fill(file *os.File, content []byte) error {
	defer file.Close()
	d.Step("write")
	if _, err := file.Write(content); err != nil {
		return err
	}
	d.Step("sync")
	return d.System().Sync(file)
}

// MakeFolder makes a folder for its owner alone, who is that of the folder it is
// in, also when root makes it. It is no error if there is one.
func (d Disk) MakeFolder(path string) error {
	d.Step("make folder")
	if err := d.System().MakeFolder(path); errors.Is(err, fs.ErrExist) {
		return nil
	} else if err != nil {
		return err
	}
	if on := d.System(); on.MustEntrust(filepath.Dir(path)) {
		if folder, err := os.Open(path); err == nil {
			on.Entrust(folder, filepath.Dir(path))
			folder.Close()
		}
	}
	d.Step("sync parent folder")
	return d.System().SyncFolder(filepath.Dir(path))
}

// Rename gives a file the name of another one, which is gone then: a
// reader sees the one or the other.
func (d Disk) Rename(from, to string) error {
	d.Step("rename")
	if err := d.System().Rename(from, to); err != nil {
		return err
	}
	d.Step("sync folder")
	return d.System().SyncFolder(filepath.Dir(to))
}

// Put gives a file new content, with this mode: a reader sees the old content or the
// new one. It leaves nothing if it fails. It does not wait for the disk: after a power
// failure the file may be the old one, or broken. So it is for what can be made again.
func (d Disk) Put(path string, content []byte, mode fs.FileMode) error {
	unfinished := unfinishedName(path)
	err := d.putUnfinished(unfinished, content, mode)
	if err == nil {
		err = d.System().Rename(unfinished, path)
	}
	if err != nil {
		d.System().Remove(unfinished)
	}
	return err
}

// Replace is Put for what cannot be made again, in a file that only its owner may read: it
// is on the disk when nil is returned.
func (d Disk) Replace(path string, content []byte) error {
	unfinished := unfinishedName(path)
	err := d.Create(unfinished, content)
	if err == nil {
		if err = d.Rename(unfinished, path); err != nil {
			d.System().Remove(unfinished) // there is none if the rename is not on the disk alone
		}
	}
	return err
}

// unfinishedName is one that no list of such files has, and no other process.
func unfinishedName(path string) string {
	folder, name := filepath.Split(path)
	return folder + "." + name + "." + rand.Text()
}

func (d Disk) putUnfinished(path string, content []byte, mode fs.FileMode) error {
	file, err := d.New(path)
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	return errors.Join(err, file.Chmod(mode), file.Close()) // the umask has no say in the mode
}

// Remove removes a file for good. It is no error if there is none. A folder in
// its place is one.
func (d Disk) Remove(path string) error {
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
	d.Step("remove")
	if err := d.System().Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	d.Step("sync folder after the removal")
	return d.System().SyncFolder(filepath.Dir(path))
}

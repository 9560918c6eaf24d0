// Package system says what differs between systems, in one small file for each question.
// A comment names the page that an answer rests on, and the promise.
package system

import (
	"os"
	"time"
)

// System is what a system promises about files and processes. [Here] is the one that
// this program runs on; package systemtest has others, which break a promise.
type System interface {
	Files
	Locks
	Processes
}

// Files are the promises about the files of a home.
type Files interface {
	// Open is [os.OpenFile] for a file of a home. A file that it makes is for its owner
	// alone. It does not wait for the other end of a pipe.
	Open(path string, flag int) (*os.File, error)

	// MakeFolder is [os.Mkdir] for a folder that is for its owner alone, with all that is
	// made in it.
	MakeFolder(path string) error

	// MovesOpen reports whether a file that is open can be given another name.
	MovesOpen() bool

	// Rename gives a file a name, also that of another file, which is gone then. A
	// reader sees the one or the other. On Windows it waits a while for other programs to
	// let go of a file, as Open and Remove do; [ErrHeld] if they do not.
	Rename(from, to string) error

	// RenameIf is Rename as long as holds returns true, which it asks just before each try;
	// [ErrChanged] if it does not.
	RenameIf(from, to string, holds func() bool) error

	// Exchange lets two files have each other's name, in one step. It returns
	// [errors.ErrUnsupported] where the system or the disk cannot.
	Exchange(a, b string) error

	// Remove removes a file.
	Remove(path string) error

	// Sync returns nil when the content of a file is on the disk.
	Sync(file *os.File) error

	// SyncFolder returns nil when the names in a folder are on the disk, as far as a
	// program can help it.
	SyncFolder(path string) error

	// Stamp is what tells the file that a name leads to from an earlier one. It costs about
	// one stat, which is what a poll may cost. An error is that of [os.Stat].
	Stamp(path string) (Stamp, error)

	// Date sets when a file was modified, whatever was written to it until it is closed. path
	// is the name that the file has now, which need not be the one that it was opened by.
	Date(file *os.File, path string, modified time.Time) error

	// Names is how many hard links a file has: 0 if it was removed, or replaced, and can
	// be seen only where it was mounted; 1 if the system does not say.
	Names(path string, info os.FileInfo) int

	// IsOwn reports whether a file is this user's, or this user may do all with it.
	IsOwn(info os.FileInfo) bool

	// Hindrances tells of a file what a rename would run against. What the system does
	// not say, the rename itself will.
	Hindrances(path string) (mounted, immutable bool)

	// HasRoom returns why no file of so many bytes can be made in a folder, as far as
	// the system tells without a try.
	HasRoom(folder string, bytes int) error

	// MustEntrust reports whether what is made in a folder is to be given to its owner,
	// because it is made with the rights of another user.
	MustEntrust(folder string) bool

	// Entrust gives a new file to the owner of another file, or of a folder. It reports
	// whether there was another owner to give it to.
	Entrust(file *os.File, like string) bool
}

// Locks are the promises about locks, which the system releases when their process ends.
type Locks interface {
	// NewLock returns the lock that a file has, not taken yet. Taking it opens the file,
	// and makes one if there is none.
	NewLock(path string) Lock

	// NewContentLock returns the lock of a file that has a login. Taking it makes no
	// file, and hinders no other process in replacing it.
	NewContentLock(path string) Lock

	// LockRange takes a second lock of an open file, which the first one knows nothing
	// of. It is for a file that several homes share. It returns [errors.ErrUnsupported] where the system or the disk has none. Closing
	// the file releases it.
	LockRange(file *os.File) (locked bool, err error)
}

// Processes are the promises about processes.
type Processes interface {
	// PIDNamespace names one boot of one machine, and one namespace of process numbers in
	// it; "" if that is not known.
	PIDNamespace() string

	// Started is when a process started, in letters and digits that this system alone
	// understands, for they stand in names of files; "" if that is not known. It returns [os.ErrProcessDone] if the process has surely ended.
	Started(pid int) (string, error)

	// IsStopped reports whether a signal or a debugger has stopped a process, as far as
	// the system tells.
	IsStopped(pid int) bool
}

// Stamp tells a file from an earlier one of the same name. What a system does not say
// is 0. The times are nanoseconds since 1970.
type Stamp struct {
	Inode    uint64 // on Windows the file index
	Size     int64
	Modified int64
	Changed  int64 // also by a rename
}

// Lock is a lock that may be had for a file.
type Lock interface {
	// TryLock takes the lock, if no other one has it in whatever way.
	TryLock() (bool, error)
	// TryRLock takes the lock, if no other one has it for itself.
	TryRLock() (bool, error)
	// Stat is the file that is locked, whatever has its name now.
	Stat() (os.FileInfo, error)
	// Inheritance is an open file which has the lock that was taken: a process that inherits
	// it keeps the lock as long as it runs, whatever becomes of this one. It is nil where
	// a lock cannot be inherited.
	Inheritance() *os.File
	// Close releases the lock, unless another process has inherited it.
	Close() error
}

// Here is the system that this program runs on.
var Here System = here{}

type here struct{}

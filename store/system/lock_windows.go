package system

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// NewLock relies on LockFileEx: of two open files, also of one process, one has the lock,
// and the system releases it when the process has ended. What is locked is the first byte,
// which no other process can read or write meanwhile; so this is for files without content. Codex
// and flock of Go lock that byte as well.
func (here) NewLock(path string) Lock { return &lock{path: path, flag: os.O_CREATE | os.O_RDONLY} }

// NewContentLock relies on LockFileEx too: a byte behind the end of a file can be locked,
// and no program reads or writes that one.
func (here) NewContentLock(path string) Lock {
	return &lock{path: path, flag: os.O_RDONLY, farAway: true}
}

// lock is the lock of one byte. Unlike that of package flock, its file is one that [here.Open]
// opens: for its owner alone, and others may remove it meanwhile.
type lock struct {
	path    string
	flag    int
	farAway bool     // the byte is one that no file reaches
	file    *os.File // nil if it is not open
}

func (l *lock) TryLock() (bool, error)  { return l.try(windows.LOCKFILE_EXCLUSIVE_LOCK) }
func (l *lock) TryRLock() (bool, error) { return l.try(0) }

func (l *lock) try(kind uint32) (locked bool, err error) {
	if l.file == nil {
		if l.file, err = (here{}).Open(l.path, l.flag); err != nil {
			return false, err
		}
	}
	place := l.place()
	err = windows.LockFileEx(windows.Handle(l.file.Fd()), kind|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, &place)
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
		return false, nil
	}
	return err == nil, err
}

func (l *lock) place() (at windows.Overlapped) {
	if l.farAway {
		at.OffsetHigh = farAway
	}
	return at
}

const farAway = 1 << 30 // the upper half of an offset that no file reaches

func (l *lock) Stat() (os.FileInfo, error) {
	if l.file == nil {
		return os.Stat(l.path)
	}
	return l.file.Stat()
}

// Inheritance is none: a lock of Windows is that of one process.
func (l *lock) Inheritance() *os.File { return nil }

// Close does not leave it to the system to release the lock, which may take its time with
// that (LockFileEx).
func (l *lock) Close() error {
	if l.file == nil {
		return nil
	}
	place := l.place()
	windows.UnlockFileEx(windows.Handle(l.file.Fd()), 0, 1, 0, &place)
	file := l.file
	l.file = nil
	return file.Close()
}

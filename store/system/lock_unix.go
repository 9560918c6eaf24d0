//go:build !windows

package system

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// NewLock relies on flock(2): of two open files, also of one process, one has the lock;
// it ends when all who have inherited it have closed it or died.
func (here) NewLock(path string) Lock { return &lock{path: path, flag: os.O_CREATE | os.O_RDONLY} }

// NewContentLock relies on flock(2), which is advisory: it hinders no process that does not ask.
func (here) NewContentLock(path string) Lock { return &lock{path: path, flag: os.O_RDONLY} }

// lock is that of flock(2). A try that fails leaves nothing open: the next one finds the file
// that has the name by then.
type lock struct {
	path string
	flag int
	file *os.File // nil if the lock is not had
}

func (l *lock) TryLock() (bool, error)  { return l.try(unix.LOCK_EX) }
func (l *lock) TryRLock() (bool, error) { return l.try(unix.LOCK_SH) }

// try opens the file to be written if the disk wants that: NFS has a lock of fcntl(2) in place
// of one for a file, which needs it (flock(2), nfs(5)).
func (l *lock) try(kind int) (bool, error) {
	err := l.open(kind, l.flag)
	if errors.Is(err, unix.EBADF) || errors.Is(err, unix.EIO) {
		err = l.open(kind, l.flag|os.O_RDWR)
	}
	if errors.Is(err, unix.EWOULDBLOCK) {
		return false, nil
	}
	return err == nil, err
}

// open keeps the file of a lock that is had: another one would be lost, and have its own lock as
// long as the process runs.
func (l *lock) open(kind, flag int) (err error) {
	file := l.file
	l.file = nil
	if file == nil {
		if file, err = (here{}).Open(l.path, flag); err != nil {
			return err
		}
	}
	for err = unix.EINTR; err == unix.EINTR; {
		err = unix.Flock(int(file.Fd()), kind|unix.LOCK_NB)
	}
	if err != nil {
		file.Close()
		return &os.PathError{Op: "lock", Path: l.path, Err: err}
	}
	l.file = file
	return nil
}

func (l *lock) Stat() (os.FileInfo, error) {
	if l.file == nil {
		return os.Stat(l.path)
	}
	return l.file.Stat()
}

func (l *lock) Inheritance() *os.File { return l.file }

// Close leaves the lock to a process that has inherited it.
func (l *lock) Close() error {
	if l.file == nil {
		return nil
	}
	file := l.file
	l.file = nil
	return file.Close()
}

// Package systemtest has systems that break a promise, for the tests of those who rely on
// it.
package systemtest

import (
	"os"
	"syscall"

	"github.com/bezoar-auth/bezoar/store/system"
)

// WithExchange is this system with another exchange.
func WithExchange(exchange func(a, b string) error) system.System {
	return exchanging{system.Here, exchange}
}

type exchanging struct {
	system.System
	exchange func(a, b string) error
}

func (s exchanging) Exchange(a, b string) error { return s.exchange(a, b) }

// WithRename is this system with another rename.
func WithRename(rename func(from, to string) error) system.System {
	return renaming{system.Here, rename}
}

type renaming struct {
	system.System
	rename func(from, to string) error
}

func (s renaming) Rename(from, to string) error { return s.rename(from, to) }

// WithPIDNamespace is this system in another boot, or another container: processes may have
// the numbers, and the starts, of those in this one.
func WithPIDNamespace(name string) system.System { return inNamespace{system.Here, name} }

type inNamespace struct {
	system.System
	name string
}

func (s inNamespace) PIDNamespace() string { return s.name }

// WithLyingLocks is this system on a disk that gives each lock to all who ask, as some
// network shares do.
func WithLyingLocks() system.System { return lying{system.Here} }

type lying struct{ system.System }

func (lying) NewLock(path string) system.Lock           { return lyingLock{path} }
func (lying) NewContentLock(path string) system.Lock    { return lyingLock{path} }
func (lying) LockRange(*os.File) (locked bool, _ error) { return true, nil }

type lyingLock struct{ path string }

func (lyingLock) TryLock() (bool, error)       { return true, nil }
func (lyingLock) TryRLock() (bool, error)      { return true, nil }
func (l lyingLock) Stat() (os.FileInfo, error) { return os.Stat(l.path) }
func (lyingLock) Inheritance() *os.File        { return nil }
func (lyingLock) Close() error                 { return nil }

// WithFailedSync is this system on a disk that once does not take what is synced, a file or the
// names in a folder: the nth time, counted from 0. failed reports whether it came to that. It
// is for one goroutine.
func WithFailedSync(n int) (on system.System, failed func() bool) {
	return syncing{system.Here, &n}, func() bool { return n < 0 }
}

type syncing struct {
	system.System
	left *int // before the one that fails
}

func (s syncing) Sync(file *os.File) error {
	if s.fails() {
		return &os.PathError{Op: "sync", Path: file.Name(), Err: syscall.EIO}
	}
	return s.System.Sync(file)
}

func (s syncing) SyncFolder(path string) error {
	if s.fails() {
		return &os.PathError{Op: "sync", Path: path, Err: syscall.EIO}
	}
	return s.System.SyncFolder(path)
}

func (s syncing) fails() bool {
	*s.left--
	return *s.left == -1
}

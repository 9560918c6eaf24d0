package systemtest

import (
	"errors"
	"os"
	"slices"
	"time"

	"github.com/bezoar-auth/bezoar/store/system"
)

// Without is this system, but for some promises that it does not keep.
func Without(lacks ...system.Promise) system.System {
	weaker := system.Here
	for _, each := range lacks {
		weaker = without[each](weaker)
	}
	return weaker
}

var without = map[system.Promise]func(system.System) system.System{
	system.Exchanges:      func(s system.System) system.System { return noExchange{s} },
	system.KnowsProcesses: func(s system.System) system.System { return noProcesses{s} },
	system.HasLocks:       func(s system.System) system.System { return noLocks{s} },
	system.CountsNames:    func(s system.System) system.System { return noNames{s} },
}

// Weakest is this system with the least that a system of ours has: the files and locks of
// [WithWeakFiles], and it says nothing of other processes, nor of its start.
func Weakest() system.System { return noProcesses{WithWeakFiles()} }

// WithWeakFiles is this system with the least that a disk has: it exchanges no files and
// locks none, tells the time of a file to the second, no inode and no number of names, and
// moves no file that is open.
func WithWeakFiles() system.System {
	ofDisks := slices.DeleteFunc(system.Promises(), func(p system.Promise) bool { return p == system.KnowsProcesses })
	return weakFiles{Without(ofDisks...)}
}

type weakFiles struct{ system.System }

func (weakFiles) MovesOpen() bool           { return false }
func (weakFiles) SyncFolder(string) error   { return nil }
func (weakFiles) HasRoom(string, int) error { return nil }

func (weakFiles) Stamp(path string) (system.Stamp, error) {
	info, err := os.Stat(path)
	if err != nil {
		return system.Stamp{}, err
	}
	return system.Stamp{Size: info.Size(), Modified: info.ModTime().Truncate(time.Second).UnixNano()}, nil
}

type noExchange struct{ system.System }

func (noExchange) Exchange(_, _ string) error { return errors.ErrUnsupported }

type noProcesses struct{ system.System }

func (noProcesses) PIDNamespace() string        { return "" }
func (noProcesses) Started(int) (string, error) { return "", nil }
func (noProcesses) IsStopped(int) bool          { return false }

type noNames struct{ system.System }

func (noNames) Names(string, os.FileInfo) int               { return 1 }
func (noNames) Hindrances(string) (mounted, immutable bool) { return false, false }

type noLocks struct{ system.System }

func (noLocks) NewLock(string) system.Lock        { return noLock{} }
func (noLocks) NewContentLock(string) system.Lock { return noLock{} }
func (noLocks) LockRange(*os.File) (bool, error)  { return false, errors.ErrUnsupported }

// noLock is the lock of a file on a disk that has none.
type noLock struct{}

func (noLock) TryLock() (bool, error)     { return false, errors.ErrUnsupported }
func (noLock) TryRLock() (bool, error)    { return false, errors.ErrUnsupported }
func (noLock) Stat() (os.FileInfo, error) { return nil, errors.ErrUnsupported }
func (noLock) Inheritance() *os.File      { return nil }
func (noLock) Close() error               { return nil }

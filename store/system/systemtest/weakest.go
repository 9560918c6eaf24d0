package systemtest

import (
	"errors"
	"os"
	"time"

	"github.com/bezoar-auth/bezoar/store/system"
)

// Weakest is this system with the least that a system of ours has: the files and locks of
// [WithWeakFiles], and it says nothing of other processes, nor of its start.
func Weakest() system.System { return weakest{WithWeakFiles()} }

// WithWeakFiles is this system with the least that a disk has: it exchanges no files and
// locks none, tells the time of a file to the second, no inode and no number of names, and
// moves no file that is open.
func WithWeakFiles() system.System { return weakFiles{WithoutExchange()} }

type weakest struct{ system.System }

func (weakest) PIDNamespace() string        { return "" }
func (weakest) Started(int) (string, error) { return "", nil }
func (weakest) IsStopped(int) bool          { return false }

type weakFiles struct{ system.System }

func (weakFiles) MovesOpen() bool         { return false }
func (weakFiles) SyncFolder(string) error { return nil }

func (weakFiles) Stamp(path string) (system.Stamp, error) {
	info, err := os.Stat(path)
	if err != nil {
		return system.Stamp{}, err
	}
	return system.Stamp{Size: info.Size(), Modified: info.ModTime().Truncate(time.Second).UnixNano()}, nil
}

func (weakFiles) Names(string, os.FileInfo) int               { return 1 }
func (weakFiles) Hindrances(string) (mounted, immutable bool) { return false, false }
func (weakFiles) HasRoom(string, int) error                   { return nil }
func (weakFiles) NewLock(string) system.Lock                  { return noLock{} }
func (weakFiles) NewContentLock(string) system.Lock           { return noLock{} }
func (weakFiles) LockRange(*os.File) (bool, error)            { return false, errors.ErrUnsupported }

// noLock is the lock of a file on a disk that has none.
type noLock struct{}

func (noLock) TryLock() (bool, error)     { return false, errors.ErrUnsupported }
func (noLock) TryRLock() (bool, error)    { return false, errors.ErrUnsupported }
func (noLock) Stat() (os.FileInfo, error) { return nil, errors.ErrUnsupported }
func (noLock) Close() error               { return nil }

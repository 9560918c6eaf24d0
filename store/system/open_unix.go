//go:build !windows

package system

import (
	"os"
	"syscall"
)

// nonBlocking lets nothing wait for the other end of a pipe, and makes no terminal that of
// this process: open(2), in POSIX as well.
const nonBlocking = syscall.O_NONBLOCK | syscall.O_NOCTTY

// Open relies on open(2): the mode of a file that it makes is 0600 without the bits of
// the umask.
func (here) Open(path string, flag int) (*os.File, error) {
	return os.OpenFile(path, flag|nonBlocking, 0o600)
}

// MakeFolder relies on mkdir(2), and on the search bit: who may not search a folder gets to
// nothing in it.
func (here) MakeFolder(path string) error { return os.Mkdir(path, 0o700) }

// MovesOpen relies on rename(2): descriptors that are open are not affected.
func (here) MovesOpen() bool { return true }

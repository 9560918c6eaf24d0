// Package socket takes a unix socket for one program: it replaces what a dead program
// left there, and removes nothing else. Which of several programs that start at once has
// it, a lock decides.
package socket

import (
	"context"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/rival"
	"github.com/bezoar-auth/bezoar/store/disk"
)

// Socket is a socket that this process has. Accept connections from it, and Close it.
type Socket struct {
	*net.UnixListener
	Path string
	file fs.FileInfo // of the socket: what another program put there is not removed
}

// Errors of [Listen], besides those of the file system.

// TakenError reports that another program answers at the socket, or is about to. End that
// program, or choose another path.
type TakenError struct {
	Path string
	By   rival.Server // zero if it is not known
}

func (e *TakenError) Error() string { return fmt.Sprintf("%s listens at %s", e.By, e.Path) }

// ForeignError reports that something else is at the path, which is not removed. Choose
// another path, or remove it yourself.
type ForeignError struct{ Path, What string }

func (e *ForeignError) Error() string { return e.Path + " is " + e.What }

// TooLongError reports a path that does not fit into the address of a socket.
type TooLongError struct{ Path string }

func (e *TooLongError) Error() string {
	return fmt.Sprintf("the path of a socket has at most %d bytes, and %s has %d", pathLimitBytes, e.Path, len(e.Path))
}

// UnsafeFolderError reports a folder in which every user can replace the socket.
type UnsafeFolderError struct{ Path string }

func (e *UnsafeFolderError) Error() string {
	return "every user may write to the folder " + e.Path + ": chmod 700 it, or choose another one"
}

// NoSocketsError reports that the system has no unix sockets: Windows has them since
// Windows 10 1803. Listen at a port of this machine.
type NoSocketsError struct{ Err error }

func (e *NoSocketsError) Error() string {
	return "this system has no unix sockets (" + e.Err.Error() + ")"
}

func (e *NoSocketsError) Unwrap() error { return e.Err }

const (
	pathLimitBytes = len(syscall.RawSockaddrUnix{}.Path) - 1 // it ends with a zero byte
	lockLimit      = 5 * time.Second
	lockPoll       = 10 * time.Millisecond
	answerLimit    = time.Second
)

// Listen takes the socket at a path, which may be relative. Only its owner may connect to
// it. It makes the folder for its owner alone if there is none.
//
// Errors: [*TakenError], [*ForeignError], [*TooLongError], [*UnsafeFolderError],
// [*NoSocketsError], or that of the file system.
func Listen(path string) (*Socket, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	if len(path) > pathLimitBytes {
		return nil, &TooLongError{path}
	}
	if err := prepareFolder(filepath.Dir(path)); err != nil {
		return nil, err
	}
	unlock, err := lock(path, lockLimit)
	if err != nil {
		return nil, &TakenError{Path: path}
	}
	defer unlock()
	if err := makeRoom(path); err != nil {
		return nil, err
	}
	listener, err := bind(path)
	if isInUse(err) {
		return nil, &TakenError{Path: path} // by a program that asks for no lock
	}
	if isWithout(err) {
		return nil, &NoSocketsError{err}
	}
	if err != nil {
		return nil, err
	}
	listener.SetUnlinkOnClose(false)
	s := &Socket{UnixListener: listener, Path: path}
	s.file, err = os.Lstat(path)
	if err != nil {
		listener.Close()
		return nil, err
	}
	return s, nil
}

// Close removes the socket, so that no client finds it any more and another program may
// have the path, and takes no further connection. The connections stay.
func (s *Socket) Close() error {
	if unlock, err := lock(s.Path, answerLimit); err == nil {
		defer unlock()
	}
	if named, err := os.Lstat(s.Path); err == nil && os.SameFile(s.file, named) {
		os.Remove(s.Path)
	}
	return s.UnixListener.Close()
}

func prepareFolder(folder string) error {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	info, err := os.Stat(folder)
	if err == nil && isOpenToAll(info.Mode()) {
		err = &UnsafeFolderError{folder}
	}
	return err
}

// isOpenToAll reports whether every user may replace what is in a folder.
func isOpenToAll(mode fs.FileMode) bool {
	return permissionsCount && mode&0o002 != 0 && mode&fs.ModeSticky == 0
}

// IsOpenToOthers reports whether a file can be read or changed by other users.
func IsOpenToOthers(mode fs.FileMode) bool { return permissionsCount && mode&0o077 != 0 }

// lock excludes others that take or leave the socket. It returns an error if another
// process has the lock until the limit. Where there is no lock to be had, one goes on
// without: what is done under it also looks before it acts.
func lock(path string, limit time.Duration) (unlock func(), err error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	unlock, err = disk.Here.Lock(ctx, lockPath(path), lockPoll)
	if err != nil && ctx.Err() == nil {
		return func() {}, nil
	}
	return unlock, err
}

// lockPath is the lock of a socket. That of the control socket is the one that Codex
// takes when it starts an app-server there.
func lockPath(path string) string {
	folder, name := filepath.Split(path)
	if path == rival.ControlSocket(filepath.Dir(filepath.Clean(folder))) {
		return filepath.Join(folder, "app-server-startup.lock")
	}
	return filepath.Join(folder, "."+name+".lock")
}

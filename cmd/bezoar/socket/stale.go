package socket

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/rival"
)

// makeRoom makes room at a path. What a dead program of this user left there goes; anything
// else is an error, and stays.
func makeRoom(path string) error {
	found, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	isLink := found.Mode()&fs.ModeSymlink != 0
	if !isLink && !isSocket(found.Mode()) {
		return &ForeignError{path, kind(found.Mode())}
	}
	if err := isAnswered(path); err != nil {
		return err
	}
	switch {
	case isLink && !isLinkOfCodex(path):
		return &ForeignError{path, "a symbolic link: name the path that it leads to"}
	case !isOurs(found):
		return &ForeignError{path, "a socket of another user"}
	}
	return remove(path, found)
}

// isAnswered is nil if the program that made a socket is dead. A program that is stopped,
// or whose queue is full, is not.
func isAnswered(path string) error {
	conn, err := net.DialTimeout("unix", path, answerLimit)
	switch {
	case err == nil:
		defer conn.Close()
		return &TakenError{path, rival.At(conn)}
	case isRefused(err), errors.Is(err, fs.ErrNotExist):
		return nil
	case errors.Is(err, fs.ErrPermission):
		return &ForeignError{path, "a socket of another user"}
	case errors.Is(err, syscall.EPROTOTYPE):
		return &ForeignError{path, "a socket of another kind"}
	}
	return &TakenError{Path: path}
}

// isLinkOfCodex reports whether a symbolic link leads to where Codex keeps the sockets of
// its app-servers, whatever became of that one.
func isLinkOfCodex(path string) bool {
	target, err := os.Readlink(path)
	return err == nil && filepath.IsAbs(target) && strings.HasPrefix(filepath.Base(filepath.Dir(target)), "codex-daemon-")
}

// remove removes a file if it is still the one that was looked at, and dead. It takes the
// file aside first: one that a program has put there in between, without the lock, goes
// back. The number of a file may be that of one before it, so that it does not suffice.
func remove(path string, looked fs.FileInfo) error {
	aside := filepath.Join(filepath.Dir(path), "."+strings.ToLower(rand.Text()[:6]))
	if err := os.Rename(path, aside); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	moved, err := os.Lstat(aside)
	if err == nil && os.SameFile(looked, moved) && looked.Mode() == moved.Mode() && isAnswered(aside) == nil {
		return os.Remove(aside)
	}
	if err := os.Link(aside, path); err == nil {
		os.Remove(aside)
	}
	return &TakenError{Path: path}
}

func kind(mode fs.FileMode) string {
	switch {
	case mode.IsDir():
		return "a folder, and no socket"
	case mode.IsRegular():
		return "a file, and no socket"
	}
	return "no socket"
}

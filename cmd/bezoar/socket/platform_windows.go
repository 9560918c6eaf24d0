package socket

import (
	"errors"
	"io/fs"
	"net"
	"syscall"
)

// The folder of the user protects what is in it.
const permissionsCount = false

func bind(path string) (*net.UnixListener, error) {
	return net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
}

func isSocket(mode fs.FileMode) bool { return mode&(fs.ModeSocket|fs.ModeIrregular) != 0 }

func isOurs(fs.FileInfo) bool { return true }

func isRefused(err error) bool {
	const connectionRefused syscall.Errno = 10061 // WSAECONNREFUSED
	return errors.Is(err, connectionRefused)
}

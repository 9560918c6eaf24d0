package socket

import (
	"errors"
	"io/fs"
	"net"

	"golang.org/x/sys/windows"
)

// The folder of the user protects what is in it.
const permissionsCount = false

func bind(path string) (*net.UnixListener, error) {
	return net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
}

func isSocket(mode fs.FileMode) bool { return mode&(fs.ModeSocket|fs.ModeIrregular) != 0 }

func isOurs(fs.FileInfo) bool { return true }

func isInUse(err error) bool { return errors.Is(err, windows.WSAEADDRINUSE) }

func isWithout(err error) bool { return errors.Is(err, windows.WSAEAFNOSUPPORT) }

func isRefused(err error) bool { return errors.Is(err, windows.WSAECONNREFUSED) }

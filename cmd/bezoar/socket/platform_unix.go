//go:build unix

package socket

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"sync"
	"syscall"
)

const permissionsCount = true

var umaskMu sync.Mutex

// bind makes a socket to which only its owner may connect from the first moment. The
// umask is that of the process: what else is made meanwhile is its owner's alone too.
func bind(path string) (*net.UnixListener, error) {
	umaskMu.Lock()
	defer umaskMu.Unlock()
	before := syscall.Umask(0o177)
	defer syscall.Umask(before)
	return net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
}

func isSocket(mode fs.FileMode) bool { return mode&fs.ModeSocket != 0 }

func isOurs(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == os.Geteuid()
}

func isInUse(err error) bool { return errors.Is(err, syscall.EADDRINUSE) }

func isWithout(err error) bool { return errors.Is(err, syscall.EAFNOSUPPORT) }

func isRefused(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }

package rival

import (
	"net"

	"golang.org/x/sys/unix"
)

// peerOf is the process that listens at the other end, 0 if that is not known.
func peerOf(conn net.Conn) (pid int) {
	control(conn, func(fd uintptr) { pid, _ = unix.GetsockoptInt(int(fd), unix.SOL_LOCAL, unix.LOCAL_PEERPID) })
	return pid
}

package rival

import (
	"net"

	"golang.org/x/sys/unix"
)

// peerOf is the process that listens at the other end, 0 if that is not known.
func peerOf(conn net.Conn) (pid int) {
	control(conn, func(fd uintptr) {
		if peer, err := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED); err == nil {
			pid = int(peer.Pid)
		}
	})
	return pid
}

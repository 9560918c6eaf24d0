//go:build linux || darwin

package rival

import (
	"net"
	"syscall"
)

// control calls look with the descriptor of a connection, if it has one.
func control(conn net.Conn, look func(fd int)) {
	has, ok := conn.(syscall.Conn)
	if !ok {
		return
	}
	if raw, err := has.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) { look(int(fd)) })
	}
}

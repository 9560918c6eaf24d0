//go:build linux || darwin || windows

package rival

import (
	"net"
	"syscall"
)

// control calls look with the descriptor of a connection, if it has one.
func control(conn net.Conn, look func(fd uintptr)) {
	has, ok := conn.(syscall.Conn)
	if !ok {
		return
	}
	if raw, err := has.SyscallConn(); err == nil {
		_ = raw.Control(look)
	}
}

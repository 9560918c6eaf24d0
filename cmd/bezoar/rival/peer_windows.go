package rival

import (
	"net"
	"unsafe"

	"golang.org/x/sys/windows"
)

// peerProcessID is SIO_AF_UNIX_GETPEERPID, which package windows does not have.
const peerProcessID = 0x58000100

// peerOf is the process that listens at the other end, 0 if that is not known.
func peerOf(conn net.Conn) (pid int) {
	control(conn, func(fd uintptr) {
		var id, got uint32
		err := windows.WSAIoctl(windows.Handle(fd), peerProcessID, nil, 0, (*byte)(unsafe.Pointer(&id)), uint32(unsafe.Sizeof(id)), &got, nil, 0)
		if err == nil && got == uint32(unsafe.Sizeof(id)) {
			pid = int(id)
		}
	})
	return pid
}

package rival

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// connectedTo finds the processes that have a connection to the unix socket at a path. It
// asks the kernel for the other ends of all such connections (sock_diag(7)), and looks for
// them among the descriptors of a process (proc(5)). It reports false where the system does
// not say.
func connectedTo(socket string) func(pid int) bool {
	ends := clientEnds(socket)
	return func(pid int) bool {
		if len(ends) == 0 {
			return false
		}
		folder := "/proc/" + strconv.Itoa(pid) + "/fd"
		open, _ := os.ReadDir(folder)
		for _, each := range open {
			to, _ := os.Readlink(filepath.Join(folder, each.Name()))
			number, isSocket := strings.CutPrefix(to, "socket:[")
			if inode, err := strconv.ParseUint(strings.TrimSuffix(number, "]"), 10, 32); isSocket && err == nil && ends[uint32(inode)] {
				return true
			}
		}
		return false
	}
}

// What sock_diag(7) is asked, and what it answers (linux/unix_diag.h).
const (
	sockDiagByFamily = 20
	established      = 1 << 1 // of the states of TCP
	showNameAndPeer  = 1<<0 | 1<<2
	attributeName    = 0
	attributePeer    = 2
	headBytes        = 16 // of an answer, before its attributes
)

// clientEnds are the inodes of the sockets that are connected to a socket's path. The
// kernel names the server's end of each connection after the path, and knows its peer.
func clientEnds(socket string) map[uint32]bool {
	ends := map[uint32]bool{}
	for _, message := range askSockDiag() {
		if len(message) < headBytes {
			continue
		}
		name, peer := attributesOf(message[headBytes:])
		if peer != 0 && isSocketAt(name, socket) {
			ends[peer] = true
		}
	}
	return ends
}

func isSocketAt(name, socket string) bool {
	if name == socket || filepath.Base(name) != filepath.Base(socket) || !filepath.IsAbs(name) {
		return name == socket
	}
	a, err := os.Stat(name)
	if err != nil {
		return false
	}
	b, err := os.Stat(socket)
	return err == nil && os.SameFile(a, b)
}

// askSockDiag returns what the kernel says of each connected unix socket, nothing if it
// says nothing.
func askSockDiag() (answers [][]byte) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, unix.NETLINK_SOCK_DIAG)
	if err != nil {
		return nil
	}
	defer unix.Close(fd)
	ask := binary.NativeEndian.AppendUint32(nil, 16+24) // nlmsghdr, and unix_diag_req
	ask = binary.NativeEndian.AppendUint16(ask, sockDiagByFamily)
	ask = binary.NativeEndian.AppendUint16(ask, unix.NLM_F_REQUEST|unix.NLM_F_DUMP)
	ask = append(ask, make([]byte, 8)...)                        // sequence, port
	ask = append(ask, unix.AF_UNIX, 0, 0, 0)                     // family, protocol, padding
	ask = binary.NativeEndian.AppendUint32(ask, established)     // states
	ask = binary.NativeEndian.AppendUint32(ask, 0)               // of any inode
	ask = binary.NativeEndian.AppendUint32(ask, showNameAndPeer) // what to show
	ask = append(ask, make([]byte, 8)...)                        // cookie
	if unix.Sendto(fd, ask, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}) != nil {
		return nil
	}
	for buffer := make([]byte, 32<<10); ; {
		n, _, err := unix.Recvfrom(fd, buffer, 0)
		if err != nil {
			return nil
		}
		messages, err := syscall.ParseNetlinkMessage(bytes.Clone(buffer[:n]))
		if err != nil || len(messages) == 0 {
			return nil
		}
		for _, each := range messages {
			switch each.Header.Type {
			case unix.NLMSG_DONE:
				return answers
			case unix.NLMSG_ERROR:
				return nil
			}
			answers = append(answers, each.Data)
		}
	}
}

// attributesOf cuts the attributes of an answer: a length and a kind of two bytes each, and
// what they say, at multiples of four.
func attributesOf(text []byte) (name string, peer uint32) {
	for len(text) >= 4 {
		size, kind := int(binary.NativeEndian.Uint16(text)), binary.NativeEndian.Uint16(text[2:])
		if size < 4 || size > len(text) {
			return name, peer
		}
		switch says := text[4:size]; {
		case kind == attributeName:
			name = strings.TrimRight(string(says), "\x00")
		case kind == attributePeer && len(says) == 4:
			peer = binary.NativeEndian.Uint32(says)
		}
		text = text[min(len(text), (size+3)&^3):]
	}
	return name, peer
}

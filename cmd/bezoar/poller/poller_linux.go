package poller

import (
	"io"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// Input makes a function that waits until in can be read without waiting, or has ended. One
// goroutine may call it at a time. It is nil if that cannot be waited for: in is no pipe,
// socket or terminal.
func Input(in io.Reader) (await func()) {
	file, ok := in.(*os.File)
	if !ok {
		return nil
	}
	// Others may share the input, so that it must stay as it is: Go's poller would make it
	// non-blocking. It gets an epoll instance in its place, which can be read when the input
	// can (epoll(7)).
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil || unix.SetNonblock(epoll, true) != nil {
		return nil
	}
	polled := os.NewFile(uintptr(epoll), "epoll")
	if watch(epoll, file) != nil {
		polled.Close()
		return nil
	}
	return func() { awaitReadable(polled) }
}

// watch has an epoll instance watch a file.
func watch(epoll int, file *os.File) error {
	conn, err := file.SyscallConn()
	if err != nil {
		return err
	}
	var problem error
	err = conn.Control(func(fd uintptr) {
		problem = unix.EpollCtl(epoll, unix.EPOLL_CTL_ADD, int(fd), &unix.EpollEvent{Events: unix.EPOLLIN})
	})
	if err != nil {
		return err
	}
	return problem
}

// End waits until a child of this process has ended. It leaves it to be waited for, and may
// return at once where the system has no descriptors of processes (pidfd_open(2), Linux 5.3).
func End(process int) {
	fd, err := unix.PidfdOpen(process, 0)
	if err != nil || unix.SetNonblock(fd, true) != nil {
		return
	}
	polled := os.NewFile(uintptr(fd), "process")
	defer polled.Close()
	awaitReadable(polled)
}

// awaitReadable waits until a file can be read. It returns at once if that cannot be waited for.
func awaitReadable(file *os.File) {
	conn, err := file.SyscallConn()
	if err != nil {
		return
	}
	_ = conn.Read(func(fd uintptr) (isOver bool) {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0)
		return n > 0 || err != nil && err != unix.EINTR
	})
}

// Widen has a pipe hold as much as the system allows, so that a Write to it blocks, and keeps the
// processor, only when who reads is far behind. It does nothing with other files.
func Widen(file any) {
	pipe, ok := file.(syscall.Conn)
	if !ok {
		return
	}
	conn, err := pipe.SyscallConn()
	if err != nil {
		return
	}
	_ = conn.Control(func(fd uintptr) {
		_, _ = unix.FcntlInt(fd, unix.F_SETPIPE_SZ, pipeBytes) // as far as the user may: fcntl(2)
	})
}

// pipeBytes is what a user may have without privileges (/proc/sys/fs/pipe-max-size).
const pipeBytes = 1 << 20

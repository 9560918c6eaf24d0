package account

import (
	"os"
	"os/exec"
	"syscall"
	"unsafe"

	"golang.org/x/sys/windows"
)

// detach takes a program off the console and the process group of this one.
func detach(program *exec.Cmd) {
	program.SysProcAttr = &syscall.SysProcAttr{
		CreationFlags: windows.DETACHED_PROCESS | windows.CREATE_NEW_PROCESS_GROUP,
	}
}

// isReaderGone reports whether nothing can read any more what is written to a pipe. A
// write would tell as well, but there may be nothing to write. The words are those of
// FILE_PIPE_LOCAL_INFORMATION in Microsoft's "ntifs.h".
func isReaderGone(out any) bool {
	file, ok := out.(*os.File)
	if !ok {
		return false
	}
	const pipeLocalInformation = 24
	const disconnected, closing = 1, 4
	var pipe struct {
		_     [8]uint32
		state uint32
		_     uint32
	}
	err := windows.NtQueryInformationFile(windows.Handle(file.Fd()), new(windows.IO_STATUS_BLOCK),
		(*byte)(unsafe.Pointer(&pipe)), uint32(unsafe.Sizeof(pipe)), pipeLocalInformation)
	return err == nil && (pipe.state == disconnected || pipe.state == closing)
}

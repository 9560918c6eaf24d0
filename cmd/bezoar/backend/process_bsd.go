//go:build unix && !linux

package backend

import (
	"os/exec"
	"syscall"
)

// begin starts the child, which leads a process group. If this process is killed, the
// child ends because its input does.
func begin(command *exec.Cmd) (process, error) {
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	err := command.Start()
	return process{command.Process}, err
}

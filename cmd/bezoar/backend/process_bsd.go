//go:build unix && !linux

package backend

import (
	"os/exec"
	"syscall"
)

// prepare makes the child lead a process group. If this process is killed, the child
// ends because its input does.
func prepare(command *exec.Cmd) { command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

//go:build unix

package account

import (
	"os/exec"
	"syscall"
)

// detach gives a program a session of its own: signals for the terminal or the process
// group of this one do not reach it.
func detach(program *exec.Cmd) { program.SysProcAttr = &syscall.SysProcAttr{Setsid: true} }

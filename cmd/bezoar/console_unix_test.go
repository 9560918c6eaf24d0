//go:build unix

package main

import (
	"os"
	"os/exec"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func withConsole(*exec.Cmd) {}

// interrupt is Ctrl-C.
func interrupt(program *os.Process) error { return program.Signal(os.Interrupt) }

// fromTerminal is a program at the terminal of this one.
func fromTerminal(name string, words ...string) *exec.Cmd {
	program := exec.Command(name, words...)
	program.Stdin = os.Stdin
	return program
}

// end asks a server to end, as its service manager does.
func end(program *os.Process) error { return program.Signal(syscall.SIGTERM) }

// startApart starts a command that leads a process group of its own.
func startApart(t *testing.T, command *exec.Cmd) {
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	require.NoError(t, command.Start())
}

// killAll is for a command and all that it has started in its group, interruptAll too.
func killAll(command *os.Process) error      { return syscall.Kill(-command.Pid, syscall.SIGKILL) }
func interruptAll(command *os.Process) error { return syscall.Kill(-command.Pid, syscall.SIGINT) }

// isInterrupted reports whether Ctrl-C has killed a program.
func isInterrupted(state *os.ProcessState) bool {
	return state.Sys().(syscall.WaitStatus).Signal() == syscall.SIGINT
}

//go:build unix

package main

import (
	"os"
	"os/exec"
)

func withConsole(*exec.Cmd) {}

// interrupt is Ctrl-C.
func interrupt(program *os.Process) error { return program.Signal(os.Interrupt) }

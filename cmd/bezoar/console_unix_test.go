//go:build unix

package main

import (
	"os"
	"os/exec"
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

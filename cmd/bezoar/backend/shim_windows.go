package backend

import (
	"errors"
	"os"
	"os/exec"
)

const (
	shimName    = "codex.cmd"
	shimRefuses = "\r\n%\""
)

// shimText is a batch file. What its line means is decided by bezoar.
func shimText(bezoar, codex string) string {
	return "@echo off\r\nrem " + shimMark + codex + "\r\n" +
		"\"" + bezoar + "\" " + RunShim + " \"" + codex + "\" %*\r\nexit /b %errorlevel%\r\n"
}

// Become runs a program as if in the place of this one, and ends with its exit code. It
// returns only with an error.
func Become(path string, arguments []string) error {
	command, err := commandFor(path, path, arguments)
	if err != nil {
		return err
	}
	command.Stdin, command.Stdout, command.Stderr = os.Stdin, os.Stdout, os.Stderr
	err = command.Run()
	if _, ended := errors.AsType[*exec.ExitError](err); err != nil && !ended {
		return err
	}
	os.Exit(command.ProcessState.ExitCode())
	return nil
}

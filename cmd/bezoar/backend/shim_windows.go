package backend

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"unicode"
)

const shimName = "codex.cmd"

// userFolder stands for the folder of the user in a batch file. cmd.exe reads the file in
// the code page of its console, which may have none of the letters of the user's name.
const userFolder = `%USERPROFILE%\`

// shimText is a batch file. What its line means is decided by bezoar. ok is false if it
// cannot name the paths.
func shimText(bezoar, codex string) (text string, ok bool) {
	this, thisOK := inShim(bezoar)
	real, realOK := inShim(codex)
	return "@echo off\r\nrem " + shimMark + real + "\r\n" +
		"\"" + this + "\" " + RunShim + " \"" + real + "\" %*\r\nexit /b %errorlevel%\r\n", thisOK && realOK
}

// inShim is a path as a batch file names it. ok is false if a letter of it could be read as
// another one.
func inShim(path string) (named string, ok bool) {
	isOther := func(r rune) bool { return r < ' ' || r > unicode.MaxASCII || r == '%' || r == '"' }
	below, prefix := path, ""
	if user := os.Getenv("USERPROFILE") + `\`; len(user) > 1 && len(path) > len(user) && strings.EqualFold(path[:len(user)], user) {
		below, prefix = path[len(user):], userFolder
	}
	return prefix + below, !strings.ContainsFunc(below, isOther)
}

// fromShim is a path that a shim names.
func fromShim(path string) string {
	if below, isUsers := strings.CutPrefix(path, userFolder); isUsers {
		return filepath.Join(os.Getenv("USERPROFILE"), below)
	}
	return path
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

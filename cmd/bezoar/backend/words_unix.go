//go:build !windows

package backend

import (
	"os/exec"
	"strings"

	"github.com/google/shlex"
)

const (
	separators = "/"
	plainRunes = "%+,-./:=@_"
	unrunnable = "cannot be run by this user: chmod +x makes a program of it, if it is one"
)

// split cuts a line as a shell does, without its variables and patterns.
func split(line string) ([]string, error) { return shlex.Split(line) }

func quoted(word string) string { return "'" + strings.ReplaceAll(word, "'", `'"'"'`) + "'" }

// commandFor is the command that starts a program with arguments, as name.
func commandFor(path, name string, arguments []string) (*exec.Cmd, error) {
	command := exec.Command(path, arguments...)
	command.Args[0] = name
	return command, nil
}

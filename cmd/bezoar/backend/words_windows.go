package backend

import (
	"syscall"

	"golang.org/x/sys/windows"
)

const (
	separators = `/\:`
	plainRunes = `+,-./:=@_\`
	unrunnable = "is no program: its name has none of the endings in PATHEXT, such as .exe and .cmd"
)

// split cuts a line as programs of Windows cut theirs: a backslash is part of a path.
func split(line string) ([]string, error) { return windows.DecomposeCommandLine(line) }

func quoted(word string) string { return syscall.EscapeArg(word) }

package backend

import (
	"syscall"

	"golang.org/x/sys/windows"
)

const (
	separators = `/\:`
	plainRunes = `+,-./:=@_\`
)

// split cuts a line as programs of Windows cut theirs: a backslash is part of a path.
func split(line string) ([]string, error) { return windows.DecomposeCommandLine(line) }

func quoted(word string) string { return syscall.EscapeArg(word) }

//go:build !windows

package backend

import (
	"os"
	"strings"
	"syscall"
)

const shimName = "codex"

// shimText is a script that calls bezoar only for lines that may be about app-server, so
// that all else costs nothing and needs no bezoar. ok is false if it cannot name the paths.
func shimText(bezoar, codex string) (text string, ok bool) {
	return `#!/bin/sh
# ` + shimMark + codex + `
# It puts bezoar in front of codex app-server, and hands on everything else.
# "bezoar shim" wrote it; "bezoar shim --remove" and its folder remove it.
case " $* " in
*" app-server "*) exec ` + quoted(bezoar) + " " + RunShim + " " + quoted(codex) + ` "$@" ;;
esac
exec ` + quoted(codex) + ` "$@"
`, !strings.ContainsAny(bezoar+codex, "\r\n")
}

// fromShim is a path that a shim names.
func fromShim(path string) string { return path }

// Become runs a program in the place of this one. It returns only with an error.
func Become(path string, arguments []string) error {
	return syscall.Exec(path, append([]string{path}, arguments...), os.Environ())
}

//go:build !windows

package backend

import (
	"strings"

	"github.com/google/shlex"
)

const (
	separators = "/"
	plainRunes = "%+,-./:=@_"
)

// split cuts a line as a shell does, without its variables and patterns.
func split(line string) ([]string, error) { return shlex.Split(line) }

func quoted(word string) string { return "'" + strings.ReplaceAll(word, "'", `'"'"'`) + "'" }

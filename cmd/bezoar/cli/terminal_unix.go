//go:build unix

package cli

import (
	"errors"
	"os"
	"syscall"
)

// plainInShell are the signs that need no quotes in a command line.
const plainInShell = "/._-+:,@%"

// AndThen stands between two commands of which the second one is for after the first.
const AndThen = " && "

// obeysSequences reports whether a terminal obeys control sequences.
func obeysSequences(_ *os.File, getenv func(string) string) bool { return getenv("TERM") != "" }

// isReaderGone reports whether an error of a write says that its reader has gone.
func isReaderGone(err error) bool { return errors.Is(err, syscall.EPIPE) }

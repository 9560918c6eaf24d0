package cli

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// plainInShell are the signs that need no quotes in a command line.
const plainInShell = `/._-+:,@\`

// AndThen stands between two commands. PowerShell has "&&" since version 7, cmd.exe has no
// ";": each command is for a line of its own.
const AndThen = ", and "

// obeysSequences has a console obey control sequences, which one of Windows 10 does only
// for a program that asks for it (ENABLE_VIRTUAL_TERMINAL_PROCESSING in Microsoft's
// "SetConsoleMode"). It is false for an older console. Text needs no such preparation: Go
// writes to a console in UTF-16, whatever its code page is, and reads from it so.
func obeysSequences(console *os.File, _ func(string) string) bool {
	handle := windows.Handle(console.Fd())
	var mode uint32
	if windows.GetConsoleMode(handle, &mode) != nil {
		return false
	}
	return windows.SetConsoleMode(handle, mode|windows.ENABLE_VIRTUAL_TERMINAL_PROCESSING) == nil
}

// isReaderGone reports whether an error of a write says that its reader has gone.
func isReaderGone(err error) bool {
	return errors.Is(err, windows.ERROR_NO_DATA) || errors.Is(err, windows.ERROR_BROKEN_PIPE)
}

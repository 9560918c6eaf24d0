package backend

import (
	"errors"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/windows"
)

// commandFor is the command that starts a program with arguments, as name. npm makes of
// each program a batch file, codex.cmd, which cmd.exe reads.
func commandFor(path, name string, arguments []string) (*exec.Cmd, error) {
	if !isBatch(path) {
		command := exec.Command(path, arguments...)
		command.Args[0] = name
		return command, nil
	}
	line, err := batchLine(path, arguments)
	if err != nil {
		return nil, err
	}
	system, err := windows.GetSystemDirectory() // not COMSPEC, which any program can set
	if err != nil {
		return nil, err
	}
	command := exec.Command(filepath.Join(system, "cmd.exe"))
	command.SysProcAttr = &syscall.SysProcAttr{CmdLine: line}
	return command, nil
}

func isBatch(path string) bool {
	ending := strings.ToLower(filepath.Ext(path))
	return ending == ".cmd" || ending == ".bat"
}

// errNoBatchWord reports a word that no batch file can be given.
var errNoBatchWord = errors.New("it is a batch file, and a word for it has a line break in it")

// batchLine is the command line with which cmd.exe calls a batch file, so that the program
// behind that gets the arguments as they are. It is quoted for two readers. cmd.exe takes
// nothing between quotes as its own but % and the end of a line; it counts each quote. The
// program behind, which the batch file hands the words as they stand in the line, reads two
// quotes within quotes as one, and needs the backslashes before a quote doubled (Microsoft's
// "Parsing C command-line arguments", by which node reads them).
//
//   - /d: no commands of the registry's AutoRun; /e:on: %cd:~,% is understood; /v:off: ! has
//     no meaning; /s: the outer quotes are taken away, and nothing else is.
//   - % begins a variable, also between quotes. %cd:~,% is a variable without text: in
//     %%cd:~,% the first % stands for itself.
func batchLine(path string, arguments []string) (string, error) {
	words := make([]string, 0, 1+len(arguments))
	for _, word := range append([]string{path}, arguments...) {
		if strings.ContainsAny(word, "\x00\r\n") {
			return "", errNoBatchWord
		}
		words = append(words, batchWord(word))
	}
	return `cmd.exe /d /e:on /v:off /s /c "` + strings.Join(words, " ") + `"`, nil
}

func batchWord(word string) string {
	var quoted strings.Builder
	quoted.WriteByte('"')
	backslashes := 0
	for i := range len(word) {
		switch each := word[i]; each {
		case '\\':
			backslashes++
			quoted.WriteByte(each)
			continue
		case '"':
			quoted.WriteString(strings.Repeat(`\`, backslashes) + `""`)
		case '%':
			quoted.WriteString(`%%cd:~,%`)
		default:
			quoted.WriteByte(each)
		}
		backslashes = 0
	}
	quoted.WriteString(strings.Repeat(`\`, backslashes) + `"`)
	return quoted.String()
}

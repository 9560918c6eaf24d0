package backend

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/windows"
)

// The job of a child ends all that the child has started.
const endsWithParent, allEndWithParent = true, true

func isGone(process int) bool {
	handle, err := windows.OpenProcess(windows.SYNCHRONIZE, false, uint32(process))
	if err != nil {
		return errors.Is(err, windows.ERROR_INVALID_PARAMETER) // there is none
	}
	defer windows.CloseHandle(handle)
	event, err := windows.WaitForSingleObject(handle, 0)
	return err == nil && event == windows.WAIT_OBJECT_0
}

// script makes a batch file in a folder of its own.
func script(t *testing.T, name, text string) string {
	t.Helper()
	return write(t, name+".cmd", "@echo off\r\n"+text+"\r\n")
}

func init() {
	acts["console"] = console
	acts["words"] = func([]string) int {
		json.NewEncoder(os.Stdout).Encode(wordsOfNode(windows.UTF16PtrToString(syscall.GetCommandLine()))[3:])
		return 5
	}
}

// console starts a child, presses Ctrl-C at the console of both, and speaks with the child when it
// has heard that.
func console([]string) int {
	handler := windows.NewLazySystemDLL("kernel32.dll").NewProc("SetConsoleCtrlHandler")
	handler.Call(0, 0) // what started this program may ignore Ctrl-C, which it would hand down
	heard := make(chan os.Signal, 1)
	signal.Notify(heard, os.Interrupt)
	child, err := acting("echo").Start(Options{Home: os.TempDir(), Stderr: os.Stderr})
	speak := func() {
		if err == nil {
			_, err = child.Write([]byte("x"))
		}
		if err == nil {
			_, err = child.Read(make([]byte, 1))
		}
	}
	speak() // it is at the console by now
	if err == nil {
		err = windows.GenerateConsoleCtrlEvent(windows.CTRL_C_EVENT, 0)
	}
	if err == nil {
		<-heard
	}
	for range 1000 { // Ctrl-C would have ended it within a few of these
		speak()
	}
	if err != nil {
		fmt.Println("the child has ended:", err)
		return 1
	}
	fmt.Println("the child lives")
	return 0
}

// A front ends its child in its own time: a turn may be under way.
func TestCtrlCInAConsoleReachesNoChild(t *testing.T) {
	t.Parallel()
	front := exec.Command(os.Args[0], "act", "console")
	front.SysProcAttr = &syscall.SysProcAttr{CreationFlags: windows.CREATE_NO_WINDOW} // a console of its own
	said, err := front.CombinedOutput()
	require.NoError(t, err, string(said))
	require.Contains(t, string(said), "the child lives")
}

// wordsOfNode cuts a command line as node does, by the rules in Microsoft's "Parsing C
// command-line arguments". Those of Go are older: two quotes within quotes also end them.
func wordsOfNode(line string) (words []string) {
	var word []byte
	isQuoted, isBegun := false, false
	for i := 0; i < len(line); i++ {
		backslashes := len(line[i:]) - len(strings.TrimLeft(line[i:], `\`))
		i += backslashes
		if i == len(line) || line[i] != '"' {
			word = append(word, strings.Repeat(`\`, backslashes)...)
		} else {
			word = append(word, strings.Repeat(`\`, backslashes/2)...)
		}
		switch isBegun = isBegun || backslashes > 0; {
		case i == len(line):
		case line[i] == '"' && backslashes%2 == 1:
			word = append(word, '"')
		case line[i] == '"' && isQuoted && i+1 < len(line) && line[i+1] == '"':
			word, i = append(word, '"'), i+1
		case line[i] == '"':
			isQuoted, isBegun = !isQuoted, true
		case line[i] != ' ' || isQuoted:
			word, isBegun = append(word, line[i]), true
		case isBegun:
			words, word, isBegun = append(words, string(word)), nil, false
		}
	}
	if isBegun {
		words = append(words, string(word))
	}
	return words
}

// npm makes a batch file for a program. cmd.exe, which reads it, has a meaning for many
// signs, and must do nothing with words of a user.
func TestBatchFileGetsItsWordsAsTheyAre(t *testing.T) {
	words := []string{
		"app-server", `cli_auth_credentials_store="ephemeral"`, `a b`, ``, `"`, `""`, `\`, `C:\with blanks\`, `a\"b`, `a\\" & b`,
		`&calc`, `"&calc&"`, `a|b`, `<in >out`, `^`, `^&`, `%PATH%`, `%`, `%%`, `100%`, `!PATH!`, `(`, `)`, `;,=`, `*?`, `Пользователь 名前`, `%cd:~,%`, `--`,
	}
	program := script(t, "codex", `"`+os.Args[0]+`" act words %*`)
	child, err := Command{Words: append([]string{program}, words...), Path: program}.start(words, Options{Home: t.TempDir(), Stderr: os.Stderr})
	require.NoError(t, err)
	text, err := io.ReadAll(child)
	require.NoError(t, err)
	require.Equal(t, Status{Code: 5}, child.End(t.Context()), "the exit code is that of the program behind")
	var got []string
	require.NoError(t, json.Unmarshal(text, &got), string(text))
	require.Equal(t, words, got)
}

func TestBatchFileIsGivenNoLineBreak(t *testing.T) {
	program := script(t, "codex", "")
	for _, word := range []string{"a\nb", "a\rb", "a\x00"} {
		_, err := Command{Words: []string{program}, Path: program}.start([]string{word}, Options{Home: t.TempDir(), Stderr: io.Discard})
		require.ErrorIs(t, err, errNoBatchWord)
	}
}

func TestParseReadsQuotesAsProgramsOfWindows(t *testing.T) {
	codex := script(t, "my codex", "")
	command, err := Parse(`"`+codex+`" -c "a=\"b c\"" app-server`, environ{}.get)
	require.NoError(t, err)
	require.Equal(t, Command{Words: []string{codex, "-c", `a="b c"`, "app-server"}, Path: codex}, command)
	again, err := Parse(command.Line(), environ{}.get)
	require.NoError(t, err)
	require.Equal(t, command, again)
}

// npm puts three files into a folder of PATH: one for shells, one for PowerShell, and the
// batch file.
func TestParseFindsTheBatchFileThatNpmMade(t *testing.T) {
	codex := script(t, "codex", "")
	for _, each := range []string{"codex", "codex.ps1"} {
		require.NoError(t, os.WriteFile(filepath.Join(filepath.Dir(codex), each), nil, 0o600))
	}
	command, err := Parse("codex app-server", environ{"PATH": filepath.Dir(codex)}.get)
	require.NoError(t, err)
	require.Equal(t, codex, command.Path)
}

// The name of a user may have letters that no code page of a console has.
func TestShimNamesTheFolderOfTheUserByItsVariable(t *testing.T) {
	user := filepath.Join(t.TempDir(), "Ада 名前")
	t.Setenv("USERPROFILE", user)
	npm := filepath.Join(user, "npm & more")
	require.NoError(t, os.MkdirAll(npm, 0o700))
	codex := filepath.Join(npm, "codex.cmd")
	require.NoError(t, os.WriteFile(codex, nil, 0o600))
	acting, err := os.Executable()
	require.NoError(t, err)
	content, err := os.ReadFile(acting)
	require.NoError(t, err)
	bezoar := filepath.Join(user, "bezoar.exe")
	require.NoError(t, os.WriteFile(bezoar, content, 0o700))

	path, err := WriteShim(filepath.Join(user, "bin"), bezoar, codex)
	require.NoError(t, err)
	real, ok := Shimmed(path)
	require.True(t, ok)
	require.Equal(t, codex, real)
	_, err = WriteShim(t.TempDir(), `C:\программы\bezoar.exe`, codex)
	require.ErrorContains(t, err, "move the program")

	text, err := os.ReadFile(path)
	require.NoError(t, err)
	called := strings.Replace(string(text), RunShim, "act words", 1) // this program is no bezoar
	require.NoError(t, os.WriteFile(path, []byte(called), 0o700))
	command, err := commandFor(path, path, []string{"app-server", `a="b c"`})
	require.NoError(t, err)
	out, _ := command.Output()
	require.JSONEq(t, `[`+quoteJSON(t, codex)+`,"app-server","a=\"b c\""]`, string(out))
}

func quoteJSON(t *testing.T, text string) string {
	t.Helper()
	encoded, err := json.Marshal(text)
	require.NoError(t, err)
	return string(encoded)
}

package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// A script has neither hands nor a shell that every system has. These programs type for it.

func init() {
	programs["typist"] = typist
	programs["at-terminal"] = atTerminal
	programs["first-line"] = firstLine
}

// ctrlC is what is typed to end a program.
const ctrlC = "^C"

// typist NAME PROGRAM... runs a program, and types the lines of the file NAME.keys into it,
// also those that are written there later. What the program writes comes out here, and is
// in NAME.out and NAME.err meanwhile.
func typist() {
	name := os.Args[1]
	program := exec.Command(os.Args[2], os.Args[3:]...)
	withConsole(program)
	input, err := program.StdinPipe()
	exitOn(err)
	out, err := os.Create(name + ".out")
	exitOn(err)
	said, err := os.Create(name + ".err")
	exitOn(err)
	program.Stdout, program.Stderr = io.MultiWriter(out, os.Stdout), io.MultiWriter(said, os.Stderr)
	exitOn(program.Start())
	dieWithScript(program)
	go func() {
		exitOn(typeLines(name+".keys", func(line string) error {
			if line == ctrlC {
				return interrupt(program.Process)
			}
			_, err := io.WriteString(input, line+"\n")
			return err
		}))
	}()
	exitAs(program.Wait())
}

// typeLines types what a file has, again and again: it ends with the program, or with an error.
func typeLines(path string, typed func(line string) error) error {
	for done := 0; ; time.Sleep(10 * time.Millisecond) {
		content, err := os.ReadFile(path)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		for end := bytes.IndexByte(content[done:], '\n'); end >= 0; end = bytes.IndexByte(content[done:], '\n') {
			if err := typed(string(content[done : done+end])); err != nil {
				return err
			}
			done += end + 1
		}
	}
}

// atTerminal TEXT PROGRAM... runs a program whose input is a terminal, that of this one on
// Unix (see ttyin). It presses Ctrl-C there when the program says TEXT, unless that is "".
func atTerminal() {
	program := fromTerminal(os.Args[2], os.Args[3:]...)
	program.Stdout = os.Stdout
	program.Stderr = &listener{to: os.Stderr, text: os.Args[1], heard: func() { exitOn(interrupt(program.Process)) }}
	exitOn(program.Start())
	dieWithScript(program)
	exitAs(program.Wait())
}

// firstLine PROGRAM... runs a program, and reads one line of it.
func firstLine() {
	program := exec.Command(os.Args[1], os.Args[2:]...)
	program.Stderr = os.Stderr
	output, err := program.StdoutPipe()
	exitOn(err)
	exitOn(program.Start())
	line, err := bufio.NewReader(output).ReadString('\n')
	exitOn(err)
	fmt.Print(line)
	output.Close()
	_ = program.Wait() // it cannot say all that it had to say
}

// listener passes on what a program says, and calls heard when it has said a text.
type listener struct {
	to    io.Writer
	text  string
	heard func()
	said  strings.Builder
	once  sync.Once
}

func (l *listener) Write(p []byte) (int, error) {
	l.said.Write(p)
	if l.text != "" && strings.Contains(l.said.String(), l.text) {
		l.once.Do(l.heard)
	}
	return l.to.Write(p)
}

// dieWithScript kills a program when its script has failed, and ends all that it started.
func dieWithScript(program *exec.Cmd) {
	killed := make(chan os.Signal, 1)
	signal.Notify(killed, os.Interrupt)
	go func() {
		<-killed
		_ = program.Process.Kill()
	}()
}

func exitOn(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// exitAs ends with the exit code of a program.
func exitAs(err error) {
	if failed, ok := errors.AsType[*exec.ExitError](err); ok && failed.ExitCode() > 0 {
		os.Exit(failed.ExitCode())
	}
	exitOn(err)
	os.Exit(0)
}

// types NAME LINE types a line into what a typist runs, and types NAME ^C ends it.
func types(ts *testscript.TestScript, neg bool, args []string) {
	keys, err := os.OpenFile(ts.MkAbs(args[0]+".keys"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	ts.Check(err)
	_, err = keys.WriteString(args[1] + "\n")
	ts.Check(err)
	ts.Check(keys.Close())
}

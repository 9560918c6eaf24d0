// Package backend runs the real Codex that stands behind an app-server: one child process
// for each connection. It finds the program ([Parse], [Of]), starts it so that it neither
// reads nor writes the login of the home ([Command.Start]), ends it, and remembers what a
// program said about itself ([Memory]).
package backend

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// Command is a program with its first words. Do not change it.
type Command struct {
	Words []string // as they were given, the program first; never empty
	Path  string   // of the program, absolute
}

// Parse reads a command line, with quotes as the shell of the system has them, and looks
// up its program. The error is for the user who wrote the line.
func Parse(line string, getenv func(string) string) (Command, error) {
	words, err := split(line)
	if err != nil {
		return Command{}, fmt.Errorf("the backend is no line of words: %w", err)
	}
	return Of(words, getenv)
}

// Of looks up the program that words begin with: on PATH, or beginning at the working
// directory if there is a slash in it. It refuses a program that would call this one
// again. The error is for the user who gave the words.
func Of(words []string, getenv func(string) string) (Command, error) {
	return of("the backend", words, getenv)
}

// Codex is the path of the codex that --codex names, or behind the shim that it names.
func Codex(named string, getenv func(string) string) (string, error) {
	command, err := of("--codex", []string{named}, getenv)
	return command.Path, err
}

// of is Of for words that the user knows by role.
func of(role string, words []string, getenv func(string) string) (Command, error) {
	if len(words) == 0 || words[0] == "" {
		return Command{}, errors.New(role + " is empty: name a program, as in 'codex app-server'")
	}
	path, err := lookUp(role, words[0], getenv)
	if err != nil {
		return Command{}, err
	}
	if real, isShim := Shimmed(path); isShim {
		if path, err = behindShim(role, path, real); err != nil {
			return Command{}, err
		}
		words = append([]string{path}, words[1:]...)
	}
	if isThisProgram(path) {
		return Command{}, fmt.Errorf("%s %s is bezoar itself: name the codex that it stands in front of", role, words[0])
	}
	return Command{Words: words, Path: path}, nil
}

// behindShim is the codex behind a shim. One shim before another is refused: they may
// lead round.
func behindShim(role, shim, real string) (string, error) {
	path, err := executable(role, real)
	if err != nil {
		return "", fmt.Errorf("%s %s is a shim, and the codex behind it cannot be used: %w", role, shim, err)
	}
	if next, isShim := Shimmed(path); isShim {
		return "", fmt.Errorf("%s %s is a shim of a shim, %s: name the codex behind it, %s", role, shim, path, next)
	}
	return path, nil
}

// lookUp is the absolute path of a program.
func lookUp(role, name string, getenv func(string) string) (string, error) {
	if strings.ContainsAny(name, separators) {
		path, err := filepath.Abs(name)
		if err != nil {
			return "", fmt.Errorf("%s %s: %w", role, name, err)
		}
		return executable(role, path)
	}
	var found error
	for _, folder := range filepath.SplitList(getenv("PATH")) {
		if !filepath.IsAbs(folder) {
			continue // a program of the working directory is not meant by a mere name
		}
		path, err := executable(role, filepath.Join(folder, name))
		if err == nil {
			return path, nil
		}
		if found == nil && !errors.Is(err, fs.ErrNotExist) {
			found = err // it is there and cannot be run, which is worth more than "not found"
		}
	}
	if found != nil {
		return "", found
	}
	return "", fmt.Errorf("%s %s is in no folder of PATH: install it, or write its whole path", role, name)
}

// executable is path, or with an ending that the system knows programs by, if it can be
// run. The error says why it cannot, and is fs.ErrNotExist if there is nothing.
func executable(role, path string) (string, error) {
	found, err := exec.LookPath(path)
	if err == nil {
		return found, nil
	}
	info, missing := os.Stat(path)
	switch {
	case missing != nil:
		cause := missing
		if problem, ok := errors.AsType[*fs.PathError](missing); ok {
			cause = problem.Err
		}
		return "", fmt.Errorf("%s %s: %w", role, path, cause)
	case info.IsDir():
		return "", fmt.Errorf("%s %s is a folder: name the program in it", role, path)
	}
	return "", fmt.Errorf("%s %s %s", role, path, unrunnable)
}

// isThisProgram reports whether path leads to the program that runs.
func isThisProgram(path string) bool {
	this, err := os.Executable()
	if err != nil {
		return false
	}
	ours, err := os.Stat(this)
	if err != nil {
		return false
	}
	theirs, err := os.Stat(path)
	return err == nil && os.SameFile(ours, theirs)
}

// Line is the command as a user would write it.
func (c Command) Line() string {
	quoted := make([]string, len(c.Words))
	for i, word := range c.Words {
		quoted[i] = quote(word)
	}
	return strings.Join(quoted, " ")
}

// quote is a word for the shell of the system.
func quote(word string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune(plainRunes, r)
	}
	if word != "" && strings.IndexFunc(word, func(r rune) bool { return !plain(r) }) < 0 {
		return word
	}
	return quoted(word)
}

// appServer is the word that makes a server of a codex.
const appServer = "app-server"

// server are the words up to app-server, and what follows it; ok is false if the command
// does not say it.
func (c Command) server() (words, rest []string, ok bool) {
	at := slices.Index(c.Words, appServer)
	if at < 1 {
		return nil, nil, false
	}
	return c.Words[:at+1], c.Words[at+1:], true
}

package backend

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/bezoar-auth/bezoar/store/disk"
)

// RunShim is the name of the command that a shim calls.
const RunShim = "run-shim"

// shimMark begins the line of a shim that names the codex behind it.
const shimMark = "bezoar shim for "

// Shimmed is the program behind a shim of ours; ok is false if path is none.
func Shimmed(path string) (real string, ok bool) {
	file, _, err := disk.Here.Open(path, os.O_RDONLY)
	if err != nil {
		return "", false
	}
	defer file.Close()
	const headBytes = 4096
	lines := bufio.NewScanner(io.LimitReader(file, headBytes))
	for range 3 {
		if !lines.Scan() {
			return "", false
		}
		if _, real, found := strings.Cut(lines.Text(), shimMark); found {
			return fromShim(strings.TrimRight(real, "\r")), true
		}
	}
	return "", false
}

// FindCodex is the first codex on PATH that is neither a shim nor this program.
func FindCodex(getenv func(string) string) (string, error) {
	for _, folder := range filepath.SplitList(getenv("PATH")) {
		path, err := executable("--codex", filepath.Join(folder, "codex"))
		if err != nil || !filepath.IsAbs(path) || isThisProgram(path) {
			continue
		}
		if _, isShim := Shimmed(path); !isShim {
			return path, nil
		}
	}
	return "", errors.New("there is no codex on PATH besides shims: name it with --codex")
}

// ThisProgram is a path of this program that stays valid when it is upgraded, if it was
// started by one.
func ThisProgram() (string, error) {
	this, err := os.Executable()
	if err != nil {
		return "", err
	}
	called, err := exec.LookPath(os.Args[0])
	if err != nil {
		return this, nil
	}
	if called, err = filepath.Abs(called); err != nil || !isThisProgram(called) {
		return this, nil
	}
	return called, nil
}

// WriteShim writes a program named codex into a folder, which is made if it is missing,
// and returns its path. The program calls bezoar for app-server, and codex for all else;
// both are absolute paths. It takes the place of a shim and of nothing else.
func WriteShim(folder, bezoar, codex string) (string, error) {
	text, ok := shimText(bezoar, codex)
	if !ok {
		return "", fmt.Errorf("a shim cannot name the path %q or %q: move the program", bezoar, codex)
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return "", err
	}
	path := filepath.Join(folder, shimName)
	if err := checkShim(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	return path, disk.Here.Put(path, []byte(text), 0o755) // a shim has no secret
}

// RemoveShim removes the shim in a folder, and nothing else.
func RemoveShim(folder string) (string, error) {
	path := filepath.Join(folder, shimName)
	err := checkShim(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("there is no shim in %s", folder)
	}
	if err != nil {
		return "", err
	}
	return path, os.Remove(path)
}

// checkShim is an error that names what is at path if that is no shim of ours.
func checkShim(path string) error {
	if _, err := os.Lstat(path); err != nil {
		return err
	}
	if _, ok := Shimmed(path); !ok {
		return fmt.Errorf("%s is no shim of bezoar, and stays as it is: name another folder", path)
	}
	return nil
}

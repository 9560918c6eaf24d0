package backend

import (
	"bufio"
	"io"
	"os"
	"strings"

	"github.com/bezoar-auth/bezoar/store/disk"
)

// shimMark begins the line of a shim that names the codex behind it.
const shimMark = "bezoar shim for "

// Shimmed is the program behind a shim of ours; ok is false if path is none.
func Shimmed(path string) (real string, ok bool) {
	file, _, err := disk.Open(path, os.O_RDONLY)
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
			return real, true
		}
	}
	return "", false
}

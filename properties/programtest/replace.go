package programtest

import (
	"os"
	"runtime"
)

// Replace puts content in place of a file, as a careful program does: it writes another
// file beside it and renames that. On Windows a name cannot be taken from a file that is
// open without leave to remove it, so that a careful program tries again for a while.
func Replace(path, content string) error {
	beside := path + ".by-another-program"
	if err := os.WriteFile(beside, []byte(content), 0o600); err != nil {
		return err
	}
	rename := func() error { return os.Rename(beside, path) }
	if runtime.GOOS == "windows" {
		return Eventually(rename)
	}
	return rename()
}

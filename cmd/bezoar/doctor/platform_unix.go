//go:build unix

package doctor

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/cli"
)

// ownerOf is the owner of a file, and whether that is the user of this program. A file
// that cannot be asked counts as ours: reading it reports more.
func ownerOf(path string) (id int, ours bool) {
	info, err := os.Stat(path)
	if err != nil {
		return os.Geteuid(), true
	}
	id = int(info.Sys().(*syscall.Stat_t).Uid)
	return id, id == os.Geteuid()
}

// holesIn compares the owner and the mode of a file with those of its home and those wanted.
func holesIn(home, path string, info fs.FileInfo, wanted fs.FileMode) (all []hole) {
	folder, _ := ownerOf(home)
	if owner, _ := ownerOf(path); owner != folder {
		all = append(all, hole{
			fmt.Sprintf("%s belongs to %s", filepath.Base(path), userName(owner)),
			fmt.Sprintf("chown %d %s", folder, cli.ShellWord(path)), // a user need not have a name
		})
	}
	if info.Mode().Perm()&^wanted != 0 {
		all = append(all, hole{
			fmt.Sprintf("%s has %04o", filepath.Base(path), info.Mode().Perm()),
			fmt.Sprintf("chmod %o %s", wanted, cli.ShellWord(path)),
		})
	}
	return all
}

// holderOf is the name of who has a home.
func holderOf(home string) string {
	id, _ := ownerOf(home)
	return userName(id)
}

// openFileLimit is the limit of open files of this process.
func openFileLimit() (limit uint64, known bool) {
	var is syscall.Rlimit
	err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &is)
	return uint64(is.Cur), err == nil
}

// isFull reports whether the disk, or the quota of this user, is full.
func isFull(err error) bool { return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) }

// isReadOnly reports whether the disk takes nothing.
func isReadOnly(err error) bool { return errors.Is(err, syscall.EROFS) }

// isOutOfFiles reports whether too many files are open.
func isOutOfFiles(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE)
}

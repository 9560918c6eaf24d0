//go:build !linux && !darwin && !freebsd && !netbsd

package file

import (
	"errors"
	"os"

	"github.com/bezoar-auth/bezoar/machine/persist"
)

// stampOf has to do with what all systems tell. Every write sets a time of its
// own, to the nanosecond or what comes near it.
func stampOf(info os.FileInfo) persist.Stamp {
	return persist.Stamp{Size: info.Size(), Modified: info.ModTime().UnixNano()}
}

func hasOtherNames(os.FileInfo) bool { return false }
func hasNoName(os.FileInfo) bool     { return false }
func ownedByUser(os.FileInfo) bool   { return true }

func attributes(string) (mounted, immutable bool) { return false, false }

func exchange(_, _ string) error { return errors.ErrUnsupported }

//go:build !unix

package doctor

import (
	"errors"
	"syscall"
)

// ownerOf is not asked for here: permissions are those of the user's folder.
func ownerOf(string) (id int, isOurs bool) { return 0, true }

func openFileLimit() (limit uint64, known bool) { return 0, false }

// isFull reports whether there is no room on a disk.
func isFull(err error) bool { return errors.Is(err, syscall.ENOSPC) }

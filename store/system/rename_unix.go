//go:build !windows

package system

import "os"

// Rename relies on rename(2): a process that opens the new name meanwhile finds the one
// file or the other.
func (here) Rename(from, to string) error { return os.Rename(from, to) }

// RenameIf is a look and a rename: what changes in between is not seen.
func (here) RenameIf(from, to string, holds func() bool) error {
	if !holds() {
		return ErrChanged
	}
	return os.Rename(from, to)
}

// Remove relies on unlink(2): those who have the file open keep it.
func (here) Remove(path string) error { return os.Remove(path) }

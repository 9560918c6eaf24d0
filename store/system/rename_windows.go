package system

import "os"

// Rename replaces the other file, which no process may have open.
func (here) Rename(from, to string) error { return os.Rename(from, to) }

// Remove removes a file that no process has open.
func (here) Remove(path string) error { return os.Remove(path) }

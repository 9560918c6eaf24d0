package system

import "os"

// IsOwn leaves it to the write itself to say that a file may not be changed.
func (here) IsOwn(os.FileInfo) bool { return true }

// MustEntrust is false: an administrator's files are no other than the user's.
func (here) MustEntrust(string) bool { return false }

// Entrust has no other owner to give a file to.
func (here) Entrust(*os.File, string) bool { return false }

package system

import "os"

// Open says nothing about who may read a file that it makes: the folder decides.
func (here) Open(path string, flag int) (*os.File, error) { return os.OpenFile(path, flag, 0o600) }

// MovesOpen is false: a file keeps its name while it is open.
func (here) MovesOpen() bool { return false }

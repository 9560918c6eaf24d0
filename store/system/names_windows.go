package system

import "os"

// Names is not asked yet.
func (here) Names(string, os.FileInfo) int { return 1 }

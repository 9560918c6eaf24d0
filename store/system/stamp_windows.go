package system

import "os"

// Stamp has to do with what all systems tell. Every write of ours sets a time of its
// own, to the nanosecond or what comes near it.
func (here) Stamp(info os.FileInfo) Stamp {
	return Stamp{Size: info.Size(), Modified: info.ModTime().UnixNano()}
}

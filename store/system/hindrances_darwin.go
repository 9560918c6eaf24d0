package system

import "golang.org/x/sys/unix"

// Hindrances relies on chflags(2): a file with one of these flags can be neither renamed nor
// replaced. Finder calls UF_IMMUTABLE "Locked". A single file cannot be mounted.
func (here) Hindrances(path string) (mounted, immutable bool) {
	var stat unix.Stat_t
	if err := unix.Lstat(path, &stat); err != nil {
		return false, false
	}
	const kept = unix.UF_IMMUTABLE | unix.UF_APPEND | unix.SF_IMMUTABLE | unix.SF_APPEND
	return false, stat.Flags&kept != 0
}

package system

import "golang.org/x/sys/unix"

// Hindrances relies on statx(2), whose mask says which attributes it knows. A kernel before
// 5.8 knows none of a mount.
func (here) Hindrances(path string) (mounted, immutable bool) {
	var stat unix.Statx_t
	if err := unix.Statx(unix.AT_FDCWD, path, unix.AT_SYMLINK_NOFOLLOW, unix.STATX_TYPE, &stat); err != nil {
		return false, false
	}
	known := stat.Attributes & stat.Attributes_mask
	return known&unix.STATX_ATTR_MOUNT_ROOT != 0, known&(unix.STATX_ATTR_IMMUTABLE|unix.STATX_ATTR_APPEND) != 0
}

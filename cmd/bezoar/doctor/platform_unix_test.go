//go:build unix

package doctor

import "syscall"

// diskProblems are what this system says of a disk, and the remedies.
var diskProblems = map[error]string{
	syscall.ENOSPC: "make room on the disk",
	syscall.EDQUOT: "make room on the disk",
	syscall.EROFS:  "for writing",
	syscall.EACCES: "may write to",
	syscall.EPERM:  "may write to",
	syscall.EMFILE: "ulimit -n",
}

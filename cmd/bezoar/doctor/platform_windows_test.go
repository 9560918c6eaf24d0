package doctor

import "golang.org/x/sys/windows"

// diskProblems are what this system says of a disk, and the remedies.
var diskProblems = map[error]string{
	windows.ERROR_DISK_FULL:           "make room on the disk",
	windows.ERROR_DISK_QUOTA_EXCEEDED: "make room on the disk",
	windows.ERROR_WRITE_PROTECT:       "for writing",
	windows.ERROR_ACCESS_DENIED:       "may write to",
	windows.ERROR_TOO_MANY_OPEN_FILES: "open files",
}

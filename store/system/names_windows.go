package system

import (
	"os"

	"golang.org/x/sys/windows"
)

// Names relies on FILE_STANDARD_INFO: NumberOfLinks counts the hard links.
func (here) Names(path string, _ os.FileInfo) int {
	file, err := openHandle(path, windows.FILE_READ_ATTRIBUTES, windows.FILE_FLAG_OPEN_REPARSE_POINT|windows.FILE_FLAG_BACKUP_SEMANTICS)
	if err != nil {
		return 1
	}
	defer windows.CloseHandle(file)
	standard, err := query[standardInfo](file, windows.FileStandardInfo)
	if err != nil || standard.names == 0 {
		return 1
	}
	return int(standard.names)
}

package system

import "golang.org/x/sys/windows"

// Hindrances relies on GetFileAttributes: a file that is marked as read-only is not replaced
// (MoveFileEx). The mark means nothing on a folder. Only folders are mounted here.
func (here) Hindrances(path string) (mounted, immutable bool) {
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return false, false
	}
	attributes, err := windows.GetFileAttributes(name)
	isFile := err == nil && attributes&windows.FILE_ATTRIBUTE_DIRECTORY == 0
	return false, isFile && attributes&windows.FILE_ATTRIBUTE_READONLY != 0
}

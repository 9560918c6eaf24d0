package file

import (
	"os"

	"golang.org/x/sys/windows"
)

func init() { openings = append(openings, openAlone) }

// openAlone opens a file that no other program may open meanwhile, as some scanners do.
func openAlone(path string) (*os.File, error) {
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return nil, err
	}
	handle, err := windows.CreateFile(name, windows.GENERIC_READ, 0, nil, windows.OPEN_EXISTING, 0, 0)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(handle), path), nil
}

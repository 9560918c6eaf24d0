package system

import (
	"os"
	"time"

	"golang.org/x/sys/windows"
)

// Date relies on SetFileTime for the handle that writes: when that is closed, the system sets
// the time of the write, whatever another handle has set meanwhile, unless this one has set a time
// (UserSetModificationTime of an Open in [MS-FSA]).
func (here) Date(file *os.File, _ string, modified time.Time) error {
	at := windows.NsecToFiletime(modified.UnixNano())
	return windows.SetFileTime(windows.Handle(file.Fd()), nil, nil, &at)
}

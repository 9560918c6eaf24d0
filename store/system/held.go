package system

import "errors"

// ErrHeld reports that a file could not be opened, renamed, replaced or removed, because
// another program has it open and does not share it for that. Only Windows knows this. It
// has been waited for; try again later.
var ErrHeld = errors.New("another program holds the file open")

// ErrChanged reports that what a rename was to depend on does not hold any more.
var ErrChanged = errors.New("it has changed meanwhile")

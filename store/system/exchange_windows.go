package system

import "errors"

// Exchange is unknown here: no call of Windows lets two files have each other's name, and
// ReplaceFile, which keeps what it replaces, lets a moment pass in which the name is free
// (ERROR_UNABLE_TO_MOVE_REPLACEMENT_2).
func (here) Exchange(_, _ string) error { return errors.ErrUnsupported }

//go:build !linux && !darwin && !windows

package system

import "errors"

// Exchange is unknown here: a rename has to do.
func (here) Exchange(_, _ string) error { return errors.ErrUnsupported }

//go:build !linux

package file

import "errors"

func exchange(_, _ string) error { return errors.ErrUnsupported }

//go:build !linux

package poller

import "io"

// Input is nil: a Read of the input keeps the processor for a while.
func Input(io.Reader) (await func()) { return nil }

// Widen does nothing.
func Widen(any) {}

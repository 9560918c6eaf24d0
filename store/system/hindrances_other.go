//go:build !linux && !darwin && !windows

package system

// Hindrances are not asked for here.
func (here) Hindrances(string) (mounted, immutable bool) { return false, false }

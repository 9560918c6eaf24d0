//go:build !linux && !darwin && !freebsd && !windows

package system

import "os"

// PIDNamespace is that of a machine, "" if it has no name. After a restart a process with
// the same number may be taken for one that was before it.
func (here) PIDNamespace() string {
	host, _ := os.Hostname()
	return host
}

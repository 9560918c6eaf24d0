//go:build unix

package main

import "golang.org/x/sys/unix"

// leaveNoCore sets the soft limit: the hard one is for the programs that this
// one starts.
func leaveNoCore() {
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_CORE, &limit) == nil {
		limit.Cur = 0
		unix.Setrlimit(unix.RLIMIT_CORE, &limit)
	}
}

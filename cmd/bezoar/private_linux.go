package main

import "golang.org/x/sys/unix"

// keepMemoryPrivate keeps the tokens in this process's memory out of core dumps,
// and from other processes of the same user: they cannot attach to it, nor read
// its memory or environment in /proc. Root still can. A program that it starts
// can be dumped again, except that the soft limit of core dumps stays 0.
func keepMemoryPrivate() {
	unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0)
	leaveNoCore()
}

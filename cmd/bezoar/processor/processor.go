// Package processor gives the program that imports it one processor of Go's scheduler,
// unless GOMAXPROCS sets a number. Import it for that effect only.
//
// A client that polls waits for the server, or the server for it: there is one thing to
// do at a time. With one processor a poll costs 17 µs of CPU in place of 43, because the
// goroutine that reads does not move between threads. The cost: while a client polls
// without any pause, other work (a refresh, a call to the backend) waits some 10 ms at
// each of its steps; with pauses of 5 ms it does not. The start of a command gains
// nothing (5.5 ms of CPU in place of 5.1). Measured 2026-11-30, go1.26, Linux, two cores.
//
// The limit is set here and not in main, because to set it later costs 0.5 ms of each
// start: what was allocated for the other processors then exists twice. So this package
// imports next to nothing, and is initialized before packages that allocate.
package processor

import (
	"runtime"
	"syscall"
)

func init() {
	if _, isSet := syscall.Getenv("GOMAXPROCS"); !isSet {
		runtime.GOMAXPROCS(1)
	}
}

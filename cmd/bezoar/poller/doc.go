// Package poller waits in Go's poller for what the standard library waits for in the system.
//
// A call that blocks in the system keeps the processor that it was made on, until the runtime
// looks: a tenth of a millisecond later as a rule, and up to ten milliseconds. This program has
// one processor, so that everything else waits for that. What waits in the poller keeps none.
package poller

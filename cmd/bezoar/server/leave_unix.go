//go:build !windows

package server

// killedAfter is 0: who sends a signal here waits for the end.
const killedAfter = 0

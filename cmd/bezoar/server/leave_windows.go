package server

import (
	"os"
	"syscall"
	"time"
)

// killedAfter is the time from a signal until the system kills this program, 0 for never.
// It kills five seconds after the close of a console, or the end of a session, which Go
// reports as SIGTERM (SPI_GETHUNGAPPTIMEOUT in Microsoft's "HandlerRoutine callback
// function", and the page of os/signal). Ctrl-C and Ctrl-Break, which are [os.Interrupt],
// leave all the time that there is.
func killedAfter(signal os.Signal) time.Duration {
	if signal == syscall.SIGTERM {
		return 5 * time.Second
	}
	return 0
}

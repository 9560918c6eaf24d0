package owner

import (
	"time"

	"golang.org/x/sys/unix"
)

// uptime is a clock that runs while this process is stopped and while the machine
// sleeps, and that cannot be set: CLOCK_MONOTONIC, which on this system goes on
// in sleep.
func uptime() time.Duration {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return wallTime()
	}
	return time.Duration(now.Nano())
}

package owner

import (
	"time"

	"golang.org/x/sys/windows"
)

// uptime is a clock that runs while this process is stopped and while the machine
// sleeps, and that cannot be set: GetTickCount64.
func uptime() time.Duration { return windows.DurationSinceBoot() }

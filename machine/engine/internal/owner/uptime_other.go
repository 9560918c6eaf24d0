//go:build !linux && !darwin && !windows

package owner

import "time"

// uptime is the wall clock: it runs while this process is stopped and while the
// machine sleeps. If it is set back, an intent lives longer by that much.
func uptime() time.Duration { return wallTime() }

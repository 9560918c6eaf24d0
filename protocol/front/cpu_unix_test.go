//go:build unix

package front

import (
	"syscall"
	"time"
)

// cpu is the time that this process has spent.
func cpu() time.Duration {
	var used syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &used)
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

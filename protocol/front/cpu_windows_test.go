package front

import (
	"syscall"
	"time"
)

// cpu is the time that this process has spent.
func cpu() time.Duration {
	var created, ended, kernel, user syscall.Filetime
	process, _ := syscall.GetCurrentProcess()
	_ = syscall.GetProcessTimes(process, &created, &ended, &kernel, &user)
	return spent(kernel) + spent(user)
}

// spent is a count of 100 nanoseconds, which Windows gives in two halves.
func spent(t syscall.Filetime) time.Duration {
	return time.Duration(int64(t.HighDateTime)<<32|int64(t.LowDateTime)) * 100
}

package system

import (
	"errors"
	"os"
	"strconv"

	"golang.org/x/sys/windows"
)

// Started relies on OpenProcess, which knows no process of a number that is free
// (ERROR_INVALID_PARAMETER), and on GetProcessTimes: when a process was created, in steps of
// 100 ns since 1601, which stays what it is when the clock is set. While a process has a handle
// of a process, one that has ended can still be opened; then it is signaled
// (WaitForSingleObject), whatever it left as its exit code.
func (here) Started(pid int) (string, error) {
	process, err := windows.OpenProcess(windows.PROCESS_QUERY_LIMITED_INFORMATION|windows.SYNCHRONIZE, false, uint32(pid))
	if errors.Is(err, windows.ERROR_INVALID_PARAMETER) {
		return "", os.ErrProcessDone
	}
	if err != nil {
		return "", nil // another user's, which does not say
	}
	defer windows.CloseHandle(process)
	if event, err := windows.WaitForSingleObject(process, 0); err == nil && event == windows.WAIT_OBJECT_0 {
		return "", os.ErrProcessDone
	}
	var created, exited, kernel, user windows.Filetime
	if err := windows.GetProcessTimes(process, &created, &exited, &kernel, &user); err != nil {
		return "", nil
	}
	return strconv.FormatUint(uint64(created.HighDateTime)<<32|uint64(created.LowDateTime), 10), nil
}

// IsStopped is not asked for: a debugger or a person (Resource Monitor) stops the threads of a
// process, and no call says of a process that all of them stand. So one that was stopped has
// five minutes for the answer to its post, as any that runs.
func (here) IsStopped(int) bool { return false }

package processes

import (
	"os"

	"golang.org/x/sys/windows"
)

const canStand = false // one that stops itself cannot be seen to stand still

var (
	ntdll            = windows.NewLazySystemDLL("ntdll.dll")
	ntSuspendProcess = ntdll.NewProc("NtSuspendProcess")
	ntResumeProcess  = ntdll.NewProc("NtResumeProcess")
)

func stand() {}

func awaitStop(*os.Process) error { return os.ErrInvalid }

// stop returns when all threads of a child stand still, as a debugger or the task manager
// makes them.
func stop(p *os.Process) error { return ask(ntSuspendProcess, p) }

func letGoOn(p *os.Process) error { return ask(ntResumeProcess, p) }

// ask makes a call of the kernel that has a process and no more.
func ask(call *windows.LazyProc, p *os.Process) error {
	process, err := windows.OpenProcess(windows.PROCESS_SUSPEND_RESUME, false, uint32(p.Pid))
	if err != nil {
		return os.ErrProcessDone
	}
	defer windows.CloseHandle(process)
	if status, _, _ := call.Call(uintptr(process)); status != 0 {
		return windows.NTStatus(status)
	}
	return nil
}

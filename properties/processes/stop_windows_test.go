package processes

import (
	"fmt"
	"os"

	"golang.org/x/sys/windows"
)

var (
	ntdll            = windows.NewLazySystemDLL("ntdll.dll")
	ntSuspendProcess = ntdll.NewProc("NtSuspendProcess")
	ntResumeProcess  = ntdll.NewProc("NtResumeProcess")
)

// standing is what a process that comes to a standstill and its parent tell each other. No
// process here stops itself and is seen to stand still: its parent stops it.
type standing struct{ isReached, goesOn windows.Handle }

func standingOf(pid int) (s standing, err error) {
	for name, event := range map[string]*windows.Handle{"reached": &s.isReached, "goes-on": &s.goesOn} {
		named, err := windows.UTF16PtrFromString(fmt.Sprintf(`Local\bezoar-properties-%d-%s`, pid, name))
		if err != nil {
			return s, err
		}
		const manual, set = 1, 0
		if *event, err = windows.CreateEvent(nil, manual, set, named); *event == 0 { // or opens it
			return s, err
		}
	}
	return s, nil
}

func (s standing) close() {
	windows.CloseHandle(s.isReached)
	windows.CloseHandle(s.goesOn)
}

// stand comes to a standstill until another process lets this one go on.
func stand() {
	s, err := standingOf(os.Getpid())
	if err == nil {
		defer s.close()
		err = windows.SetEvent(s.isReached)
	}
	if err == nil {
		_, err = windows.WaitForSingleObject(s.goesOn, windows.INFINITE)
	}
	if err != nil {
		panic(err)
	}
}

// stopLimitMillis is for a child that never comes to a standstill.
const stopLimitMillis = 60_000

// awaitStop waits until a child comes to a standstill, and stops all of it. An error says
// that it has ended, or that it does not.
func awaitStop(p *os.Process) error {
	process, err := windows.OpenProcess(windows.SYNCHRONIZE, false, uint32(p.Pid))
	if err != nil {
		return os.ErrProcessDone
	}
	defer windows.CloseHandle(process)
	s, err := standingOf(p.Pid)
	if err != nil {
		return err
	}
	defer s.close()
	switch event, err := windows.WaitForMultipleObjects([]windows.Handle{s.isReached, process}, false, stopLimitMillis); {
	case err != nil:
		return err
	case event == windows.WAIT_OBJECT_0:
		return stop(p)
	case event == windows.WAIT_OBJECT_0+1:
		return os.ErrProcessDone
	}
	return os.ErrDeadlineExceeded
}

// stop returns when all threads of a child stand still, as a debugger or the task manager
// makes them.
func stop(p *os.Process) error { return ask(ntSuspendProcess, p) }

func letGoOn(p *os.Process) error {
	if err := ask(ntResumeProcess, p); err != nil {
		return err
	}
	s, err := standingOf(p.Pid)
	if err != nil {
		return err
	}
	defer s.close()
	return windows.SetEvent(s.goesOn)
}

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

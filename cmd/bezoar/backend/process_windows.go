package backend

import (
	"cmp"
	"errors"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/windows"
)

// process is the child's. It is in a job object of its own with all that it starts: the
// job ends them all, and ends when the last handle to it is closed, which is when this
// process ends, however that ends (JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE in Microsoft's
// JOBOBJECT_BASIC_LIMIT_INFORMATION; jobs nest since Windows 8).
type process struct {
	*os.Process
	endJob func()
}

// killedCode is what [Status] has for a child that was killed, as on other systems. The
// processes of a job that is terminated have it as their exit code.
const killedCode = 128 + 9

// begin starts the child. It is started in suspense: nothing that it starts can be outside
// the job. It leads a process group, so that Ctrl-C in a console reaches this program
// alone (CREATE_NEW_PROCESS_GROUP in Microsoft's "Process Creation Flags").
func begin(command *exec.Cmd) (process, error) {
	flags := uint32(windows.CREATE_SUSPENDED | windows.CREATE_NEW_PROCESS_GROUP)
	if !hasConsole() {
		flags |= windows.CREATE_NO_WINDOW // else one opens
	}
	if command.SysProcAttr == nil {
		command.SysProcAttr = new(syscall.SysProcAttr)
	}
	command.SysProcAttr.CreationFlags = flags
	job, err := newJob()
	if err != nil {
		return process{}, err
	}
	endJob := sync.OnceFunc(func() {
		_ = windows.TerminateJobObject(job, killedCode)
		_ = windows.CloseHandle(job)
	})
	if err := command.Start(); err != nil {
		endJob()
		return process{}, err
	}
	if err := release(command.Process, job); err != nil {
		_ = command.Process.Kill()
		endJob()
		_ = command.Wait()
		return process{}, err
	}
	return process{command.Process, endJob}, nil
}

// newJob makes a job object that ends its processes when its only handle is closed.
func newJob() (windows.Handle, error) {
	job, err := windows.CreateJobObject(nil, nil)
	if err != nil {
		return 0, os.NewSyscallError("CreateJobObject", err)
	}
	limits := windows.JOBOBJECT_EXTENDED_LIMIT_INFORMATION{
		BasicLimitInformation: windows.JOBOBJECT_BASIC_LIMIT_INFORMATION{LimitFlags: windows.JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE},
	}
	_, err = windows.SetInformationJobObject(job, windows.JobObjectExtendedLimitInformation,
		uintptr(unsafe.Pointer(&limits)), uint32(unsafe.Sizeof(limits)))
	if err != nil {
		_ = windows.CloseHandle(job)
		return 0, os.NewSyscallError("SetInformationJobObject", err)
	}
	return job, nil
}

// release puts a process that was started in suspense into a job, and lets it run.
func release(p *os.Process, job windows.Handle) (err error) {
	of := p.WithHandle(func(handle uintptr) {
		err = os.NewSyscallError("AssignProcessToJobObject", windows.AssignProcessToJobObject(job, windows.Handle(handle)))
	})
	if of != nil || err != nil {
		return cmp.Or(of, err)
	}
	thread, err := onlyThread(uint32(p.Pid))
	if err != nil {
		return err
	}
	defer windows.CloseHandle(thread)
	suspended, err := windows.ResumeThread(thread) // how often it was, until now
	if err == nil && suspended == 0 {
		return errors.New("it ran before it was in its job, and may have started what is not in it")
	}
	return os.NewSyscallError("ResumeThread", err)
}

// onlyThread opens the thread of a process that has not run yet: Go does not keep the
// handle that CreateProcess gives.
func onlyThread(pid uint32) (windows.Handle, error) {
	all, err := windows.CreateToolhelp32Snapshot(windows.TH32CS_SNAPTHREAD, 0)
	if err != nil {
		return 0, os.NewSyscallError("CreateToolhelp32Snapshot", err)
	}
	defer windows.CloseHandle(all)
	thread := windows.ThreadEntry32{Size: uint32(unsafe.Sizeof(windows.ThreadEntry32{}))}
	for err = windows.Thread32First(all, &thread); err == nil; err = windows.Thread32Next(all, &thread) {
		if thread.OwnerProcessID == pid {
			handle, err := windows.OpenThread(windows.THREAD_SUSPEND_RESUME, false, thread.ThreadID)
			return handle, os.NewSyscallError("OpenThread", err)
		}
	}
	return 0, os.NewSyscallError("Thread32Next", err)
}

// hasConsole reports whether this process has a console.
func hasConsole() bool {
	_, err := windows.GetConsoleCP()
	return err == nil
}

// terminate is kill: the end of its input was all that a program can be asked here.
func (p process) terminate() { p.endJob() }
func (p process) kill()      { p.endJob() }

func statusOf(state *os.ProcessState) Status {
	if state == nil {
		return Status{Code: 1}
	}
	if state.ExitCode() == killedCode {
		return Status{Code: killedCode, Signal: "killed"}
	}
	return Status{Code: state.ExitCode()}
}

func isSameVariable(a, b string) bool { return strings.EqualFold(a, b) }

//go:build unix

package processes

import (
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// stand stops this process, as Ctrl-Z, a debugger, a freezer or a paused machine
// does, until another one lets it go on. The signal may take a moment, so it is
// the other one that the caller waits for.
func stand() {
	goesOn := make(chan os.Signal, 1)
	signal.Notify(goesOn, syscall.SIGCONT)
	_ = syscall.Kill(os.Getpid(), syscall.SIGSTOP)
	<-goesOn
}

// stop returns when all of a child stands still: until then it may do a lot.
func stop(p *os.Process) error {
	if err := p.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	return awaitStop(p)
}

// stopPoll is between two looks at a child that is to stand still, and stopLimit for
// all of them: a child that never does fails the test and does not hang it.
const (
	stopPoll  = 2 * time.Millisecond
	stopLimit = 20 * time.Second
)

// awaitStop waits until a child stands still. An error says that it has ended, or that
// it does not. The system tells of a stop once, and was seen not to tell a waiter that
// came too late: so the threads are looked at as well, where that can be done.
func awaitStop(p *os.Process) error {
	for end := time.Now().Add(stopLimit); time.Now().Before(end); <-time.After(stopPoll) {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(p.Pid, &status, syscall.WUNTRACED|syscall.WNOHANG, nil)
		switch {
		case err == syscall.EINTR:
		case err != nil:
			return err
		case pid != 0 && !status.Stopped():
			return os.ErrProcessDone
		case pid != 0, allStopped(p.Pid):
			return nil
		}
	}
	return os.ErrDeadlineExceeded
}

// allStopped reports whether each thread of a process stands still, as far as /proc
// tells.
func allStopped(pid int) bool {
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	for _, thread := range threads {
		stat, err := os.ReadFile(thread)
		_, state, found := strings.Cut(string(stat), ") ")
		if err != nil || !found || !strings.HasPrefix(state, "T") {
			return false
		}
	}
	return len(threads) > 0
}

func letGoOn(p *os.Process) error { return p.Signal(syscall.SIGCONT) }

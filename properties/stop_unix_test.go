//go:build unix

package properties

import (
	"os"
	"os/signal"
	"syscall"
)

const canStop = true

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

// awaitStop waits until a child stands still. An error says that it has ended.
func awaitStop(p *os.Process) error {
	for {
		var status syscall.WaitStatus
		switch _, err := syscall.Wait4(p.Pid, &status, syscall.WUNTRACED, nil); {
		case err == syscall.EINTR:
		case err != nil:
			return err
		case !status.Stopped():
			return os.ErrProcessDone
		default:
			return nil
		}
	}
}

func letGoOn(p *os.Process) error { return p.Signal(syscall.SIGCONT) }

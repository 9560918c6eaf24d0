package file

import (
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/bezoar-auth/bezoar/store/system"
)

// process tells one process from a later one with the same number.
type process struct {
	Host         string `json:"host,omitempty"`    // for people
	PIDNamespace string `json:"realm,omitempty"`   // in which process numbers mean the same; "" if unknown
	Started      string `json:"started,omitempty"` // when the process did, in the words of its system
}

// thisProcess is looked up at the first write or doubt: the start of the program has
// no time for it.
func thisProcess(on system.System) func() process {
	return sync.OnceValue(func() process { return identify(on, os.Getpid()) })
}

func identify(on system.System, pid int) process {
	host, _ := os.Hostname()
	started, err := on.Started(pid)
	if err != nil {
		return process{Host: host}
	}
	return process{Host: host, PIDNamespace: on.PIDNamespace(), Started: started}
}

// ended reports whether the process has surely ended. It cannot tell for a process on
// another machine, before a restart of this one, or in another container.
func (h process) ended(on system.System, pid int, me process) bool {
	if h.PIDNamespace == "" || h.PIDNamespace != me.PIDNamespace {
		return false
	}
	started, err := on.Started(pid)
	return errors.Is(err, os.ErrProcessDone) || started != "" && started != h.Started
}

// alive reports whether the process surely runs.
func (h process) alive(on system.System, pid int, me process) bool {
	if h.PIDNamespace == "" || h.PIDNamespace != me.PIDNamespace {
		return false
	}
	started, err := on.Started(pid)
	return err == nil && started != "" && started == h.Started
}

// owner is a process with staged files. Its PIDNamespace is a hash, which fits into a
// file name.
type owner struct {
	pid int
	process
}

func thisOwner(on system.System) func() owner {
	return sync.OnceValue(func() owner {
		me := identify(on, os.Getpid())
		if me.PIDNamespace != "" {
			me.PIDNamespace = string(mark(revisionOf([]byte(me.PIDNamespace))))
		}
		return owner{os.Getpid(), me}
	})
}

func (o owner) String() string { return fmt.Sprintf("%d-%s-%s", o.pid, o.Started, o.PIDNamespace) }

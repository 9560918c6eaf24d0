package file

import (
	"fmt"
	"os"
	"sync"
)

// process tells one process from a later one with the same number.
type process struct {
	Host         string `json:"host,omitempty"`    // for people
	PIDNamespace string `json:"realm,omitempty"`   // in which process numbers mean the same; "" if unknown
	Started      string `json:"started,omitempty"` // when the process did, in the words of its system
}

// thisProcess is looked up at the first write or doubt: the start of the program has
// no time for it.
var thisProcess = sync.OnceValue(func() process { return identify(os.Getpid()) })

func identify(pid int) process {
	host, _ := os.Hostname()
	started, running := processStart(pid)
	if !running {
		return process{Host: host}
	}
	return process{Host: host, PIDNamespace: pidNamespace(host), Started: started}
}

// ended reports whether the process has surely ended. It cannot tell for a process on
// another machine, before a restart of this one, or in another container. Two ways of
// asking must agree, because each may be kept from knowing (/proc hides the processes
// of other users with hidepid=2).
func (h process) ended(pid int, me process) bool {
	if h.PIDNamespace == "" || h.PIDNamespace != me.PIDNamespace {
		return false
	}
	started, running := processStart(pid)
	if !running {
		return !existsByKill(pid)
	}
	return started != "" && started != h.Started
}

// alive reports whether the process surely runs.
func (h process) alive(pid int, me process) bool {
	if h.PIDNamespace == "" || h.PIDNamespace != me.PIDNamespace {
		return false
	}
	started, running := processStart(pid)
	return running && started != "" && started == h.Started
}

// owner is a process with staged files. Its PIDNamespace is a hash, which fits into a
// file name.
type owner struct {
	pid int
	process
}

var thisOwner = sync.OnceValue(func() owner {
	me := thisProcess()
	if me.PIDNamespace != "" {
		me.PIDNamespace = string(mark(revisionOf([]byte(me.PIDNamespace))))
	}
	return owner{os.Getpid(), me}
})

func (o owner) String() string { return fmt.Sprintf("%d-%s-%s", o.pid, o.Started, o.PIDNamespace) }

package file

import (
	"fmt"
	"os"
	"sync"
)

// holder tells the process that made an intent from a later one that happens
// to have its number.
type holder struct {
	Host    string `json:"host,omitempty"`    // for people
	Realm   string `json:"realm,omitempty"`   // in which process numbers mean the same; "" if unknown
	Started string `json:"started,omitempty"` // when the process did, in the words of its system
}

// itself is this process, which is looked up when something is written or
// doubted: a start has no time for it.
var itself = sync.OnceValue(func() holder { return identify(os.Getpid()) })

func identify(pid int) holder {
	host, _ := os.Hostname()
	started, isRunning := processStart(pid)
	if !isRunning {
		return holder{Host: host}
	}
	return holder{Host: host, Realm: processRealm(host), Started: started}
}

// isDead reports whether the process surely has ended. That cannot be told of one
// on another machine, before a restart of this one, or in another container. Two
// ways of asking have to agree that there is no such process: each of them may be
// kept from knowing (/proc hides the processes of other users with hidepid=2).
func (h holder) isDead(pid int, me holder) bool {
	if h.Realm == "" || h.Realm != me.Realm {
		return false
	}
	started, isRunning := processStart(pid)
	if !isRunning {
		return !existsOtherwise(pid)
	}
	return started != "" && started != h.Started
}

// lives reports whether the process surely runs.
func (h holder) lives(pid int, me holder) bool {
	if h.Realm == "" || h.Realm != me.Realm {
		return false
	}
	started, isRunning := processStart(pid)
	return isRunning && started != "" && started == h.Started
}

// owner is a process with temporary files. Its realm is a hash, fit for a name.
type owner struct {
	pid int
	holder
}

var thisProcess = sync.OnceValue(func() owner {
	me := itself()
	if me.Realm != "" {
		me.Realm = string(mark(revisionOf([]byte(me.Realm))))
	}
	return owner{os.Getpid(), me}
})

func (o owner) String() string { return fmt.Sprintf("%d-%s-%s", o.pid, o.Started, o.Realm) }

package file

import (
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

// isDead reports whether the process surely has ended. Nobody can tell of one
// on another machine, before a restart of this one, or in another container.
func (h holder) isDead(pid int, me holder) bool {
	if h.Realm == "" || h.Realm != me.Realm {
		return false
	}
	started, isRunning := processStart(pid)
	return !isRunning || started != "" && started != h.Started
}

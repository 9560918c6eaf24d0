package main

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/store"
)

// held is the refresh that spent the stored refresh token, whose new tokens could not be
// stored: a process holds them in its memory, or held them until it ended.
func (v *view) held() (rotation store.Entry, ok bool) {
	verdict, _ := v.state.Verdict()
	if v.state.Label != machine.Poisoned || verdict.Reason != machine.ReasonSpent {
		return store.Entry{}, false
	}
	rotation, ok = v.last(store.Rotated, store.Deferred)
	if !ok || !rotation.Unsaved {
		return store.Entry{}, false
	}
	for _, e := range v.entries {
		if e.Kind == store.Saved && e.Key == rotation.Next {
			return store.Entry{}, false
		}
	}
	return rotation, true
}

// heldBy tells of new tokens that are in the memory of a process that runs, "" if there
// are none: to log in would end that login for it.
func (v *view) heldBy() string {
	rotation, ok := v.held()
	if !ok || !runs(rotation.PID) {
		return ""
	}
	return fmt.Sprintf("process %d has newer tokens in its memory and cannot store them; make room, and let it run until it has", rotation.PID)
}

// lostByHolder tells of new tokens that ended with their process, "" if there are none.
func (v *view) lostByHolder() string {
	rotation, ok := v.held()
	if !ok {
		return ""
	}
	return fmt.Sprintf("This comes of process %d, which was granted new tokens and could not store them: there was no\nroom, or the keyring was gone.", rotation.PID)
}

// runs reports whether there is a process with this number, as far as this user can tell.
func runs(pid int) bool {
	process, err := os.FindProcess(pid)
	if err != nil {
		return false
	}
	defer process.Release()
	err = process.Signal(syscall.Signal(0))
	return err == nil || errors.Is(err, syscall.EPERM)
}

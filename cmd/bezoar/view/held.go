package view

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/machine/persist"
)

// held is the refresh that spent the stored refresh token, whose new tokens could not be
// stored: a process holds them in its memory, or held them until it ended.
func (v *View) held() (rotation persist.Entry, ok bool) {
	verdict, _ := v.State.Verdict()
	if v.State.Phase != machine.Poisoned || verdict.Reason != history.ReasonSpent {
		return persist.Entry{}, false
	}
	rotation, ok = v.last(persist.Rotated, persist.Deferred)
	if !ok || !rotation.Unsaved {
		return persist.Entry{}, false
	}
	for _, e := range v.entries {
		if e.Kind == persist.Saved && e.TokenID == rotation.NextID {
			return persist.Entry{}, false
		}
	}
	return rotation, true
}

// heldBy tells of new tokens that are in the memory of a process that runs, "" if there
// are none: to log in would end that login for it.
func (v *View) heldBy() string {
	rotation, ok := v.held()
	if !ok || !runs(rotation.PID) {
		return ""
	}
	return fmt.Sprintf("process %d has newer tokens in its memory and cannot store them; make room, and let it run until it has", rotation.PID)
}

// lostByHolder tells of new tokens that ended with their process, "" if there are none.
func (v *View) lostByHolder() string {
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

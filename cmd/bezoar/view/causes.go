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

// causes are what usually leads to the present state, as far as it is known. The
// ledger of one home cannot tell what was done with a copy of it; what it does tell
// goes before what is usual.
func (v *View) causes() string {
	if v.State.Phase() != machine.Poisoned {
		return ""
	}
	verdict, _ := v.State.Verdict()
	if verdict.Reason == history.ReasonReused || verdict.Reason == history.ReasonInvalidGrant {
		if known := v.lostAnswer(); known != "" {
			return known
		}
	}
	switch verdict.Reason {
	case history.ReasonReused:
		return "This comes of two programs that each refresh a copy of one login: another home, another\nmachine, a backup, or a program that keeps the tokens in its memory. Give each a login of its own."
	case history.ReasonSpent:
		if lost := v.lostByHolder(); lost != "" {
			return lost
		}
		return "This comes of an auth.json that was put back from a backup or a copy."
	case history.ReasonRevoked:
		return "This comes of a logout elsewhere, a changed password, or an administrator."
	case history.ReasonExpired:
		return "This comes of a login that was not used for a long time."
	case history.ReasonInDoubt:
		return "This comes of processes that were ended, or connections that broke, while the issuer answered."
	}
	return ""
}

// lostGrant tells of an earlier post of the refresh token in use whose answer
// never came to be known: it may have been a grant, and then the token was spent
// by it, and by no copy of the login.
func (v *View) lostAnswer() string {
	key := v.tokenID()
	for i := len(v.entries) - 1; i >= 0; i-- {
		switch e := v.entries[i]; {
		case e.TokenID != key:
		case e.Kind == persist.Intended && !v.isOutcomeKnown(i):
			return fmt.Sprintf("This comes of process %d, which ended while the issuer answered (killed, or the machine went\ndown): what it was granted is lost, and the refresh token was spent by that.", e.PID)
		case e.Kind == persist.Deferred && e.Lost:
			return fmt.Sprintf("This comes of an answer that was lost on its way to process %d: it was a grant, and the refresh\ntoken was spent by that.", e.PID)
		}
	}
	return ""
}

// held is the refresh that spent the stored refresh token, whose new tokens could not be
// stored: a process holds them in its memory, or held them until it ended.
func (v *View) held() (rotation persist.Entry, ok bool) {
	verdict, _ := v.State.Verdict()
	if v.State.Phase() != machine.Poisoned || verdict.Reason != history.ReasonSpent {
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

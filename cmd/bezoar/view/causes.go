package view

import (
	"fmt"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/machine/persist"
)

// causes are what usually leads to the present state, as far as it is known. The
// ledger of one home cannot tell what was done with a copy of it; what it does tell
// goes before what is usual.
func (v *View) causes() string {
	if v.State.Phase != machine.Poisoned {
		return ""
	}
	verdict, _ := v.State.Verdict()
	if verdict.Reason == history.ReasonReused || verdict.Reason == history.ReasonInvalidGrant {
		if known := v.lostGrant(); known != "" {
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
func (v *View) lostGrant() string {
	key := v.key()
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

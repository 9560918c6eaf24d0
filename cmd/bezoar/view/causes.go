package view

import (
	"errors"
	"fmt"
	"os"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/evidence"
	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/store/system"
)

// causes say what leads to the present state: what the ledger shows, else what is usual.
// The ledger of one home does not show what was done with a copy of the login.
func (v *View) causes() string {
	if v.State.Blocked() == evidence.BlockMisconfigured && v.State.Evidence().Status != 0 {
		return causeOfObjection(v.State.Evidence().Evidence)
	}
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
		return "The usual cause is two programs that each refresh a copy of one login: another home, another\nmachine, a backup, or a program that keeps the tokens in its memory. Give each a login of its own."
	case history.ReasonSpent:
		if lost := v.lostByHolder(); lost != "" {
			return lost
		}
		return "The usual cause is an auth.json that was restored from a backup or a copy."
	case history.ReasonRevoked:
		return "The usual cause is a logout elsewhere, a changed password, or an administrator."
	case history.ReasonExpired:
		return "The usual cause is a login that was not used for a long time."
	case history.ReasonInDoubt:
		return "The usual cause is processes that ended, or connections that broke, while the issuer answered."
	}
	return ""
}

// causeOfObjection is what usually makes an issuer reject a client, by its error code.
func causeOfObjection(said evidence.Evidence) string {
	switch said.Code {
	case "invalid_client":
		return "The usual cause is a client id that the issuer does not know, or a secret that is wrong or has expired."
	case "unauthorized_client":
		return "The usual cause is a client that the issuer does not allow to refresh."
	case "invalid_scope", "invalid_target":
		return "The usual cause is a scope or a resource in the profile that the issuer does not know."
	}
	return "The usual cause is a profile that is not that of this issuer: its client, its secret, or how requests are written."
}

// lostAnswer describes an earlier post of the refresh token in use whose answer is not
// known. If the issuer granted new tokens then, that post spent the refresh token, and
// not a copy of the login.
func (v *View) lostAnswer() string {
	key := v.State.TokenID()
	for i := len(v.entries) - 1; i >= 0; i-- {
		switch e := v.entries[i]; {
		case e.TokenID != key:
		case e.Kind == persist.Intended && !v.isOutcomeKnown(i):
			return fmt.Sprintf("The likely cause is process %d, which ended while the issuer answered (killed, or the machine\nwent down): the new tokens are lost, and the refresh token was spent.", e.PID)
		case e.Kind == persist.Deferred && e.Lost:
			return fmt.Sprintf("The likely cause is an answer that was lost on its way to process %d: it had new tokens, and\nthe refresh token was spent.", e.PID)
		}
	}
	return ""
}

// held is the refresh that spent the stored refresh token and whose new tokens could not
// be stored: a process has them in its memory, or had them until it ended.
func (v *View) held() (rotation persist.Entry, ok bool) {
	verdict, _ := v.State.Verdict()
	if v.State.Phase() != machine.Poisoned || verdict.Reason != history.ReasonSpent {
		return persist.Entry{}, false
	}
	return v.unsaved()
}

// unsaved is the last refresh, if its new tokens are not stored yet.
func (v *View) unsaved() (rotation persist.Entry, ok bool) {
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

// heldBy describes new tokens in the memory of a process that runs, "" if there are
// none. A new login would end that process's login.
func (v *View) heldBy() string {
	rotation, ok := v.held()
	if !ok || !runs(rotation.PID) {
		return ""
	}
	return fmt.Sprintf("process %d has newer tokens in its memory and cannot store them; make room on the disk, and let the process run until it has stored them", rotation.PID)
}

// Holder is a process that runs and has newer tokens in its memory alone: what takes the
// login and its ledger away from it loses them. It knows of one also if the stored record
// is no login.
func (v *View) Holder() (pid int, ok bool) {
	rotation, ok := v.unsaved()
	return rotation.PID, ok && runs(rotation.PID)
}

// lostByHolder describes new tokens that were lost when their process ended, "" if there
// are none.
func (v *View) lostByHolder() string {
	rotation, ok := v.held()
	if !ok {
		return ""
	}
	return fmt.Sprintf("The cause is process %d, which was granted new tokens and could not store them: the disk was\nfull, or the keyring was gone.", rotation.PID)
}

// runs reports whether there is a process with this number, as far as this user can tell.
func runs(pid int) bool {
	_, err := system.Here.Started(pid)
	return !errors.Is(err, os.ErrProcessDone)
}

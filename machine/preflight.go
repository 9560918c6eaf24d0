package machine

import (
	"time"

	"github.com/bezoar-auth/bezoar/machine/evidence"
	"github.com/bezoar-auth/bezoar/machine/history"
)

// Stored is what a refresh transaction sees once it holds the lock.
type Stored struct {
	Credential *Credential // nil: nothing there, or nothing that can be read
	Unreadable bool        // something is there, and it is no login
	History    history.TokenHistory
	Doubt      history.Doubt // about the refresh token of the login in use
}

// Preflight is the second thought of a refresh that holds the lock and is
// about to post: is it still needed, and may it be? It returns the event that
// ends the refresh without a post, or nil: then the token may be spent.
//
// The rules are those of Codex where it has any, so the order matters:
// first what was done to the login elsewhere, then what is known of the token, then
// politeness.
func (s State) Preflight(stored Stored, at time.Time) Event {
	held, ended := s.Policy.TokenID(s.Credential), s.IsEnded(stored.History)
	switch found := stored.Credential; {
	case found == nil && (stored.History.LoggedOut || ended), ended && !s.Policy.Admits(*found):
		return LoggedOut{At: At{at}, Attempt: s.Attempt}
	case ended && !found.Equal(s.Credential):
		return s.adopting(*found, stored.History, at)
	case found == nil, !s.Policy.Admits(*found), !s.Policy.SharesAccount(s.Credential, *found):
		return s.straying(stored, at)
	case s.isSuperseded(*found, stored.History):
		return s.adopting(*found, stored.History, at)
	}
	if verdict := stored.History.VerdictOn(held); verdict != nil {
		return RefreshFailedPermanent{At: At{at}, Attempt: s.Attempt, Verdict: *verdict}
	}
	if objection := stored.History.Objection(held, s.Policy.Profile); objection != nil {
		return RefreshObjected{At: At{at}, Attempt: s.Attempt, Objection: *objection}
	}
	if wait := stored.History.Deferral.Until(s.Policy.Profile).Sub(at); wait > 0 && wait <= maxDeferral && !s.Policy.BackoffOff {
		withheld := s.withheld(stored.History.Deferral.Blocked(), at)
		withheld.NotBefore = stored.History.Deferral.NotBefore
		withheld.Evidence = stored.History.Deferral.Evidence
		return withheld
	}
	lost := stored.History.LossOf(held)
	if s.Policy.BackoffOff {
		lost = history.Loss{}
	}
	return s.doubting(stored.Doubt, lost, at)
}

// withheld is the end of a refresh without a post.
func (s State) withheld(trouble evidence.BlockReason, at time.Time) RefreshFailedTransient {
	return RefreshFailedTransient{At: At{at}, Attempt: s.Attempt, Blocked: trouble}
}

// isSuperseded reports whether the store holds a newer token set than the one
// in use. What an unsaved one was made from is not newer, and neither is one
// whose refresh token is known to be dead while ours is not: a file that came
// back from a backup must not cost a good login.
func (s State) isSuperseded(found Credential, lineage history.TokenHistory) bool {
	if found.Equal(s.Credential) || s.IsUnsaved() && found.Equal(*s.Base) {
		return false
	}
	return s.condemnedBy(lineage, s.Credential) || !s.condemnedBy(lineage, found)
}

func (s State) condemnedBy(lineage history.TokenHistory, c Credential) bool {
	_, condemned := s.verdictOn(c)
	return condemned || lineage.VerdictOn(s.Policy.TokenID(c)) != nil
}

func (s State) adopting(found Credential, lineage history.TokenHistory, at time.Time) Event {
	event := s.Loaded(lineage, found, at)
	event.Attempt = s.Attempt
	return event
}

// straying decides on a login that the store does not hold any more. It must not be
// refreshed: what the store holds is not ours to replace. It goes on while it
// serves, for the file may be in the middle of something, and an account that is in
// use must not change for a demand alone, unless the user changed it. When it is over,
// what is stored is the only login there is; and if nothing is, nor a moment later, there is none.
func (s State) straying(stored Stored, at time.Time) Event {
	withheld := s.withheld(evidence.BlockOtherLoginStored, at)
	if stored.Unreadable {
		withheld.Blocked = evidence.BlockStoreUnavailable
	}
	found := stored.Credential
	isForUs := found != nil && s.Policy.Admits(*found)
	verdict := stored.History.VerdictOn(s.Policy.TokenID(s.Credential))
	switch {
	case isForUs && (found.Method == MethodAPIKey || verdict != nil || !s.serves(at) || s.isLater(*found, stored.History)):
		return s.adopting(*found, stored.History, at)
	case verdict != nil:
		return RefreshFailedPermanent{At: At{at}, Attempt: s.Attempt, Verdict: *verdict}
	case s.serves(at):
		withheld.NotBefore = s.endOfService()
	case s.Blocked == withheld.Blocked && !at.Before(s.NotBefore):
		return LoggedOut{At: At{at}, Attempt: s.Attempt}
	default:
		withheld.NotBefore = at.Add(recheck)
	}
	return withheld
}

// doubting decides on a refresh token that may be spent already: its poster died, or
// lived and lost the answer. It is tried again when the access token is of no use any
// more: then a refusal costs nothing that is not lost already, and before that it
// could end a login that works. The second time is final, however both came about. Within
// the leeway of the issuer, and for a token that is not spent, the doubt is none.
func (s State) doubting(doubt history.Doubt, lost history.Loss, at time.Time) Event {
	times := doubt.Times + lost.Times
	switch {
	case times == 0:
		return nil
	case doubt.Times > 0 && !doubt.HolderGone:
		withheld := s.withheld(evidence.BlockRefreshElsewhere, at)
		withheld.NotBefore = at.Add(recheck)
		return withheld
	case s.Policy.Reusable, times == 1 && s.Policy.Forgives(latest(doubt.Since, lost.SentAt), at):
		return nil
	case times > 1:
		return RefreshFailedPermanent{At: At{at}, Attempt: s.Attempt, Verdict: history.Verdict{
			TokenID: s.Policy.TokenID(s.Credential), Access: s.Credential.AccessToken.Fingerprint(),
			Reason: history.ReasonInDoubt, At: at, InDoubt: true,
		}}
	case s.serves(at):
		withheld := s.withheld(evidence.BlockInDoubt, at)
		withheld.NotBefore = s.endOfService()
		return withheld
	}
	return nil
}

// Forgives reports whether a refresh token that was posted at a time may be posted once more:
// the issuer gives the same successor again, or another one beside it.
func (p Policy) Forgives(posted, at time.Time) bool {
	return !at.Before(posted) && at.Before(posted.Add(p.ReuseLeeway))
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// recheck is when to look again whether a post that another process has in flight
// has ended, or whether a file is still in the middle of something.
const recheck = time.Second

// MayReplace reports whether the successor of the login in use may take the
// place of another stored one: of a token set of the same account that is known
// to be dead, so that nothing is lost with it. It may not if that is of a later login
// and was spent, for then its successor is in another process's memory, on the way
// into the store; nor if there was a logout from the login in use.
func (s State) MayReplace(stored Credential, lineage history.TokenHistory) bool {
	verdict := lineage.VerdictOn(s.Policy.TokenID(stored))
	if verdict == nil || !s.Policy.SharesAccount(stored, s.Credential) {
		return false
	}
	hasSuccessor := verdict.Reason == history.ReasonSpent && stored.LastRefresh.After(s.Credential.LastRefresh)
	return !hasSuccessor && !lineage.IsEnded(s.Policy.TokenID(s.Credential))
}

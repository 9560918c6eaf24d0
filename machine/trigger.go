package machine

import (
	"time"

	"github.com/bezoar-auth/bezoar/machine/evidence"
)

// TriggerOf says what the table calls an event in this state. All guards of
// the machine are in this file; they look, and change nothing.
func TriggerOf(s State, e Event) Trigger {
	if s.isLate(e) {
		return outcomeLate
	}
	switch e := e.(type) {
	case Asked:
		return s.onAsked(e.Ask, e.at())
	case TokenRejected:
		return s.onRejected(e)
	case CredentialLoaded:
		return s.onLoaded(e)
	case NothingLoaded:
		return s.orElseSighted(e.Blocked)
	case LoggedIn:
		return s.takenAs(e.Credential, e.Credential.dueAt(), e.at())
	case LoggedOut:
		return loggedOut
	case RefreshSucceeded:
		if due := e.dueAt(); !due.IsZero() && !e.at().Before(due) {
			return refreshSucceededAged
		}
		return refreshSucceeded
	case RefreshFailedTransient:
		return refreshFailedTransient
	case RefreshFailedPermanent:
		return refreshFailedPermanent
	case AnswerOverdue:
		return answerOverdue
	case Saved:
		return saveSucceeded
	case SaveFailed:
		return saveFailed
	}
	panic("machine: an event without a trigger") // a test lists every event
}

// attemptOf is the refresh that an event is about, zero if it is about none.
func attemptOf(e Event) AttemptID {
	switch e := e.(type) {
	case CredentialLoaded:
		return e.Attempt
	case LoggedOut:
		return e.Attempt
	case RefreshSucceeded:
		return e.Attempt
	case RefreshFailedTransient:
		return e.Attempt
	case RefreshFailedPermanent:
		return e.Attempt
	case AnswerOverdue:
		return e.Attempt
	}
	return 0
}

// isLate reports whether an event ends a refresh that is no longer in flight,
// because a login or a logout came first. So does the end of a try to save.
func (s State) isLate(e Event) bool {
	switch e.(type) {
	case Saved, SaveFailed:
		return !s.IsUnsaved()
	}
	attempt := attemptOf(e)
	return attempt != 0 && attempt != s.Attempt && !s.isRefusedBy(e)
}

// isRefusedBy reports whether an event, however late, condemns the refresh token
// that Stale would spend: the login may have come back while its first refresh
// was in flight.
func (s State) isRefusedBy(e Event) bool {
	refused, ok := e.(RefreshFailedPermanent)
	return ok && s.Phase == Stale && refused.Verdict.TokenID == s.Policy.TokenID(s.Credential)
}

func (s State) onAsked(ask Ask, at time.Time) Trigger {
	isSaveDue := s.IsUnsaved() && !at.Before(s.SaveNotBefore)
	switch {
	case s.Phase == Poisoned && isSaveDue:
		return saveDue
	case s.Phase == NoAuth || s.Phase == Poisoned:
		return lookNeeded
	case s.Phase == Fresh && ask.Refresh && !s.ignoresDemand(at):
		return refreshDemanded
	case s.Phase == Fresh && s.isDue(at):
		return s.orElseCondemned(aged)
	case s.refreshesItself() && s.mayAttempt(at):
		return refreshDue
	case isSaveDue:
		return saveDue
	case s.Phase == Stale && (s.Attempt == 0 || s.Overdue) && s.refreshesItself():
		return lookNeeded // while a caller has to wait, another program may have logged in
	}
	return nothingToDo
}

// onRejected believes a 401 only about the very token in use, and not in the
// first seconds of its life, unless it is past the floor: then the resource server is
// wrong, and one more refresh would not help it.
func (s State) onRejected(e TokenRejected) Trigger {
	inUse := s.Phase == Fresh || s.Phase == Stale
	if !inUse || s.Credential.AccessToken.Fingerprint() != e.Access || s.IsJustRefreshed(e.at()) && !e.PastFloor {
		return nothingToDo
	}
	return s.orElseCondemned(tokenRejected)
}

// orElseCondemned is the trigger for a token set that needs a refresh, or the
// end of it if its refresh token must not be spent.
func (s State) orElseCondemned(trigger Trigger) Trigger {
	if _, condemned := s.Verdict(); condemned {
		return cannotRefresh
	}
	return trigger
}

func (s State) onLoaded(e CredentialLoaded) Trigger {
	switch {
	case !s.Policy.Restriction.Admits(e.Credential):
		return s.orElseSighted("")
	case e.Credential.Equal(s.Credential):
		return s.onSame(e)
	case s.IsUnsaved() && e.Credential.Equal(*s.Base):
		return loginKept // what the unsaved one was made from
	case s.inUse() && !e.Displaced && e.Attempt == 0 && !s.isSucceededBy(e):
		return loginKept // a refresh that found it has weighed it already, see Preflight
	}
	if e.Verdict != nil {
		s.Verdicts = s.Verdicts.With(*e.Verdict)
	}
	return s.takenAs(e.Credential, e.dueAt(), e.at())
}

// onSame is the trigger for a look that found the login in use. Another process may
// have learnt meanwhile that it is dead; or it is back after something else was in
// its place, and a refresh need not wait any longer.
func (s State) onSame(e CredentialLoaded) Trigger {
	switch {
	case s.inUse() && s.Attempt == 0 && e.Verdict != nil && (s.Rejected || s.isDue(e.at()) || e.Verdict.Covers(s.Credential.AccessToken.Fingerprint())):
		return loadedRefused
	case s.Phase == Stale && s.Attempt == 0 && s.Blocked.IsOfStore():
		return storeStatusChanged
	}
	return s.orElseSighted("")
}

// orElseSighted is the trigger for a look that found nothing to take up. Only who
// has no login asks why.
func (s State) orElseSighted(trouble evidence.BlockReason) Trigger {
	if s.Phase == NoAuth && trouble != s.Blocked {
		return storeStatusChanged
	}
	return loginKept
}

// isSucceededBy reports whether a loaded credential may take the place of the one
// in use. A key may, and so may another login of the same account, unless that one
// is known to be dead while ours is not: a file that came back from a backup must
// not cost a login. Any other login may once ours is over.
func (s State) isSucceededBy(e CredentialLoaded) bool {
	_, isDead := s.verdictOn(e.Credential)
	_, weAre := s.verdictOn(s.Credential)
	weAre = weAre || e.InUse != nil
	switch {
	case s.Credential.SharesAccount(e.Credential):
		return weAre || !isDead && e.Verdict == nil
	case s.Credential.Method != MethodChatGPT:
		return false // a key is good for ever, and it is the client that replaces its tokens
	case e.Credential.Method == MethodAPIKey:
		return true
	}
	return weAre || !s.serves(e.at())
}

// takenAs is how the table calls a credential that takes the place of whatever is
// there and is due at some time. A condemned refresh token poisons it, unless its
// access token is another one than the refused and still good.
func (s State) takenAs(c Credential, due, at time.Time) Trigger {
	isDue := !due.IsZero() && !at.Before(due)
	verdict, condemned := s.verdictOn(c)
	switch {
	case c.Method == MethodAPIKey:
		return loadedAPIKey
	case c.Method == MethodExternal:
		return loadedFresh
	case condemned && (isDue || verdict.Covers(c.AccessToken.Fingerprint())):
		return loadedRefused
	case isDue:
		return loadedStale
	}
	return loadedFresh
}

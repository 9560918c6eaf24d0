package machine

import "time"

// TriggerOf says what the table calls an event in this state. All guards of
// the machine are in this file; they look, and change nothing.
func TriggerOf(s State, e Event) Trigger {
	if s.isLate(e) {
		return OutcomeLate
	}
	switch e := e.(type) {
	case Asked:
		return s.onAsked(e.Ask, e.at())
	case TokenRejected:
		return s.onRejected(e)
	case CredentialLoaded:
		return s.onLoaded(e)
	case NothingLoaded:
		return s.orElseSighted(e.Trouble)
	case LoggedIn:
		return s.takenAs(e.Credential, time.Time{}, e.at())
	case LoggedOut:
		return LogoutTaken
	case RefreshSucceeded:
		return WasGranted
	case RefreshFailedTransient:
		return WasDeferred
	case RefreshFailedPermanent:
		return WasRefused
	case AnswerOverdue:
		return WaitEnded
	case Saved:
		return SaveSucceeded
	case SaveFailed:
		return SaveFailedStill
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
	return ok && s.Label == Stale && refused.Verdict.Key == s.Policy.KeyOf(s.Credential)
}

func (s State) onAsked(ask Ask, at time.Time) Trigger {
	isSaveDue := s.IsUnsaved() && !at.Before(s.SaveNotBefore)
	switch {
	case s.Label == Poisoned && isSaveDue:
		return SaveDue
	case s.Label == NoAuth || s.Label == Poisoned:
		return LookNeeded
	case s.Label == Fresh && ask.Refresh && !s.ignoresDemand(at):
		return RefreshDemanded
	case s.Label == Fresh && s.isDue(at):
		return s.orElseCondemned(Aged)
	case s.refreshesItself() && s.mayAttempt(at):
		return RefreshDue
	case isSaveDue:
		return SaveDue
	}
	return NothingToDo
}

// onRejected believes a 401 only about the very token in use, and not in the
// first seconds of its life, unless it is past the floor: then the resource server is
// wrong, and one more refresh would not help it.
func (s State) onRejected(e TokenRejected) Trigger {
	inUse := s.Label == Fresh || s.Label == Stale
	if !inUse || s.Credential.AccessToken.Fingerprint() != e.Access || s.IsJustRefreshed(e.at()) && !e.PastFloor {
		return NothingToDo
	}
	return s.orElseCondemned(TokenWasRejected)
}

// orElseCondemned is the trigger for a token set that needs a refresh, or the
// end of it if its refresh token must not be spent.
func (s State) orElseCondemned(trigger Trigger) Trigger {
	if _, condemned := s.Verdict(); condemned {
		return AgedOut
	}
	return trigger
}

func (s State) onLoaded(e CredentialLoaded) Trigger {
	if !s.Policy.Restriction.Admits(e.Credential) || e.Credential.Equal(s.Credential) {
		return s.orElseSighted("")
	}
	if s.IsUnsaved() && e.Credential.Equal(*s.Base) {
		return LoginKept // what the unsaved one was made from
	}
	if s.inUse() && !e.Displaced && !s.isSucceededBy(e) {
		return LoginKept
	}
	if e.Verdict != nil {
		s.Verdicts = s.Verdicts.with(*e.Verdict)
	}
	return s.takenAs(e.Credential, e.RefreshedAt, e.at())
}

// orElseSighted is the trigger for a look that found nothing to take up. Only who
// has no login asks why.
func (s State) orElseSighted(trouble Trouble) Trigger {
	if s.Label == NoAuth && trouble != s.Trouble {
		return SightChanged
	}
	return LoginKept
}

// isSucceededBy reports whether a loaded credential may take the place of the
// one in use: it is of the same account, and not one that is known to be dead
// while ours is not. A file that came back from a backup must not cost a login.
func (s State) isSucceededBy(e CredentialLoaded) bool {
	_, isDead := s.verdictOn(e.Credential)
	_, weAre := s.verdictOn(s.Credential)
	return s.Credential.SharesAccount(e.Credential) && (weAre || !isDead && e.Verdict == nil)
}

// takenAs is how the table calls a credential that takes the place of whatever
// is there. A condemned refresh token poisons it, unless its access token is
// another one than the refused and still good.
func (s State) takenAs(c Credential, refreshedAt, at time.Time) Trigger {
	if c.Method == MethodAPIKey {
		return KeyTaken
	}
	due := c.takenDueAt(refreshedAt, at)
	isDue := !due.IsZero() && !at.Before(due)
	verdict, condemned := s.verdictOn(c)
	switch {
	case c.Method == MethodExternal, condemned && verdict.Reason == ReasonMissing:
		return FreshTaken
	case condemned && (isDue || verdict.Access == c.AccessToken.Fingerprint()):
		return CondemnedTaken
	case isDue:
		return StaleTaken
	}
	return FreshTaken
}

package machine

import (
	"slices"
	"time"

	"github.com/bezoar-auth/bezoar/machine/endpoint"
	"github.com/bezoar-auth/bezoar/machine/evidence"
	"github.com/bezoar-auth/bezoar/machine/history"
)

// Step is the machine: what happened, in which state, gives the next state and
// the orders to carry out. It is pure; the same arguments give the same result.
//
// It returns an [*IllegalTransitionError], and the state unchanged, for an
// event that the table has no row for. Nothing that the engine, a client, a
// store or an issuer does can lead there: it is a bug where the event was made.
func Step(s State, e Event) (State, []Effect, error) {
	trigger := TriggerOf(s, e)
	label, err := advance(s.Phase, trigger)
	if err != nil {
		return s, nil, err
	}
	next, effects := s.apply(trigger, e)
	next.Phase = label
	if label != s.Phase || s.Since.IsZero() {
		next.Since = e.at()
	}
	if isPublished(effects) {
		if next.told = next.Assess(e.at()).news(); next.told != s.told || !next.Credential.Equal(s.Credential) {
			effects = slices.Insert(effects, 1, Effect(Notify{}))
		}
	}
	return next, append(effects, s.revoking(trigger, e, next)...), nil
}

// isPublished reports whether effects begin with the Publish that every change
// begins with.
func isPublished(effects []Effect) bool {
	return len(effects) > 0 && effects[0] == Effect(Publish{})
}

// apply fills in what the table does not say: the data of the next state and
// the orders. Whether anything may happen has been decided before.
func (s State) apply(trigger Trigger, e Event) (State, []Effect) {
	at := e.at()
	switch trigger {
	case loadedAPIKey, loadedFresh, loadedStale, loadedRefused:
		return s.taking(e), []Effect{Publish{}}
	case loggedOut:
		return s.without(), []Effect{Publish{}}
	case refreshDemanded:
		return s.starting(endpoint.CauseDemanded, at)
	case aged:
		return s.starting(s.dueCause(), at)
	case refreshDue:
		if asked := e.(Asked); asked.Refresh {
			return s.starting(endpoint.CauseDemanded, at)
		}
		return s.starting(s.Cause, at)
	case tokenRejected:
		return s.rejected(at)
	case refreshSucceeded, refreshSucceededAged:
		return s.granted(e.(RefreshSucceeded)), []Effect{Publish{}}
	case refreshFailedTransient:
		return s.deferred(e.(RefreshFailedTransient)), []Effect{Publish{}}
	case refreshFailedPermanent:
		return s.refused(e.(RefreshFailedPermanent)), []Effect{Publish{}}
	case answerOverdue:
		return s.overdue(e.(AnswerOverdue)), []Effect{Publish{}}
	case cannotRefresh:
		s.Base = nil
		return s, []Effect{Publish{}}
	case lookNeeded:
		return s, []Effect{LookInStore{}}
	case saveDue:
		return s, []Effect{SaveAgain{}}
	case saveSucceeded:
		s.Base = nil
		return s, []Effect{Publish{}}
	case saveFailed:
		s.SaveNotBefore = e.(SaveFailed).NotBefore
		return s, []Effect{Publish{}}
	case outcomeLate:
		return s.learning(e)
	case loginKept:
		return s.keeping(e)
	case storeStatusChanged:
		return s.sighted(e)
	}
	return s, nil // nothingToDo
}

// starting is the state with one refresh in flight. It is the only place that
// orders one, and the table lets only Stale come here.
func (s State) starting(cause endpoint.Cause, at time.Time) (State, []Effect) {
	s.Attempts++
	s.Attempt, s.Overdue, s.Cause, s.LastAttempt = s.Attempts, false, cause, at
	return s, []Effect{Publish{}, StartRefresh{Attempt: s.Attempt, Cause: cause}}
}

func (s State) rejected(at time.Time) (State, []Effect) {
	s.Rejected, s.Cause = true, endpoint.CauseRejected
	if !s.SparesIssuer && !s.Overdue {
		s.NotBefore = time.Time{} // it was for the sake of the token
	}
	if s.Phase == Fresh || s.mayAttempt(at) {
		return s.starting(endpoint.CauseRejected, at)
	}
	if s.Attempt != 0 || !s.refreshesItself() {
		return s, []Effect{Publish{}}
	}
	return s, []Effect{Publish{}, LookInStore{}} // there may be another login by now
}

// dueCause tells the issuer which rule made the token set age.
func (s State) dueCause() endpoint.Cause {
	if s.Expiry.IsZero() {
		return endpoint.CauseOld
	}
	return endpoint.CauseExpiring
}

// taking is the state with the credential of a load or a login.
func (s State) taking(e Event) State {
	switch e := e.(type) {
	case LoggedIn:
		return s.with(e.Credential)
	case CredentialLoaded:
		if e.Verdict != nil {
			s.Verdicts = s.Verdicts.With(*e.Verdict)
		}
		s = s.with(e.Credential)
		s.RefreshedAt = e.RefreshedAt
		return s.dated(e.expiry(), e.dueAt())
	}
	panic("machine: an event that brings no credential")
}

// without is the state with nobody logged in. What it knows of refresh tokens
// stays: the same one may be put back.
func (s State) without() State {
	return State{Policy: s.Policy, Since: s.Since, Attempts: s.Attempts, LastAttempt: s.LastAttempt, Verdicts: s.Verdicts, told: s.told}
}

// with is the state with another credential in use; nothing of the old one is left.
func (s State) with(c Credential) State {
	s = s.without()
	s.Credential, s.Account, s.Expiry, s.DueAt = c, c.account(), c.expiry(), c.dueAt()
	s.Cause = s.dueCause()
	return s
}

// dated is the state once it is known when its token set came out of a refresh.
func (s State) dated(expiry, due time.Time) State {
	s.ClockWrong = !expiry.Equal(s.Expiry)
	s.Expiry, s.DueAt = expiry, due
	return s
}

func (s State) granted(e RefreshSucceeded) State {
	inARow := s.Failures + 1
	s = s.spending(e.Credential, e.at()).with(e.Credential).dated(e.expiry(), e.dueAt())
	s.RefreshedAt, s.Base = e.at(), e.Base
	if s.isDue(e.at()) {
		s.spareIssuerOfOldTokens(inARow, e.at())
	}
	return s
}

// overdue is the state of which callers need not wait any more. The refresh stays
// in flight: as long as it does, no other one starts.
func (s State) overdue(e AnswerOverdue) State {
	s.Overdue, s.NotBefore, s.Blocked = true, e.Until, evidence.BlockIssuerUnavailable
	return s
}

// spareIssuerOfOldTokens lets the next refresh follow at once when a grant was too
// old when it came, and later and later if the next ones are as well.
func (s *State) spareIssuerOfOldTokens(inARow int, at time.Time) {
	if s.Failures = inARow; inARow > 1 && !s.Policy.BackoffOff {
		s.NotBefore, s.SparesIssuer = at.Add(doubled(backoffBase, backoffCeiling, inARow)), true
	}
}

func (s State) deferred(e RefreshFailedTransient) State {
	s.Attempt, s.Overdue, s.NotBefore, s.Blocked = 0, false, e.NotBefore, e.Blocked
	s.SparesIssuer = e.Posted || e.Blocked == evidence.BlockIssuerUnavailable
	s.InDoubt = s.InDoubt || e.Blocked == evidence.BlockInDoubt
	if e.Evidence.Times > 0 {
		s.Evidence = e.Evidence
	}
	if e.Posted {
		s.Failures++
	}
	if e.Kept != nil {
		s = s.spending(*e.Kept, e.at())
		s.Credential, s.Base = *e.Kept, e.Base
	}
	return s
}

// spending is the state that knows that the refresh token in use is spent, if next
// has another one.
func (s State) spending(next Credential, at time.Time) State {
	if !s.Credential.RefreshToken.Equal(next.RefreshToken) && s.Credential.Method == MethodChatGPT {
		s.Verdicts = s.Verdicts.With(history.Verdict{
			TokenID: s.Policy.TokenID(s.Credential), Access: s.Credential.AccessToken.Fingerprint(),
			Reason: history.ReasonSpent, At: at,
		})
	}
	return s
}

func (s State) refused(e RefreshFailedPermanent) State {
	s.Attempt, s.Overdue, s.NotBefore, s.Failures, s.Blocked, s.InDoubt = 0, false, time.Time{}, 0, "", false
	s.Evidence = evidence.Repeated{}
	if e.Verdict.Reason.IsExplained() {
		s.Base = nil // it is worth nothing any more; else it may be, to another process
	}
	s.Verdicts = s.Verdicts.With(e.Verdict)
	return s
}

// learning keeps the verdict that a late answer brings: the refresh token is
// as dead as if somebody had waited.
func (s State) learning(e Event) (State, []Effect) {
	if refused, ok := e.(RefreshFailedPermanent); ok {
		s.Verdicts = s.Verdicts.With(refused.Verdict)
		return s, []Effect{Publish{}}
	}
	return s, nil
}

// sighted is the state after a look that changed nothing but what is known of the
// store: why it holds no login, or that it holds the one in use again.
func (s State) sighted(e Event) (State, []Effect) {
	s.Blocked, s.NotBefore = "", time.Time{}
	if nothing, ok := e.(NothingLoaded); ok {
		s.Blocked = nothing.Blocked
	}
	return s, []Effect{Publish{}}
}

// keeping ends the refresh that found a login it must not take.
func (s State) keeping(e Event) (State, []Effect) {
	if attemptOf(e) == 0 {
		return s, nil
	}
	s.Attempt, s.Overdue, s.NotBefore = 0, false, time.Time{}
	return s, []Effect{Publish{}}
}

package machine

import (
	"slices"
	"time"

	"github.com/bezoar-auth/bezoar/machine/endpoint"
)

// Step is the machine: what happened, in which state, gives the next state and
// the orders to carry out. It is pure; the same arguments give the same result.
//
// It returns an [*IllegalTransitionError], and the state unchanged, for an
// event that the table has no row for. Nothing that the engine, a client, a
// store or an issuer does can lead there: it is a bug where the event was made.
func Step(s State, e Event) (State, []Effect, error) {
	trigger := TriggerOf(s, e)
	phase, err := advance(s.Phase, trigger)
	if err != nil {
		return s, nil, err
	}
	next, effects := s.apply(trigger, e)
	next.Phase = phase
	if phase != s.Phase || s.Since.IsZero() {
		next.Since = e.at()
	}
	if publishes(effects) {
		if next.told = next.Assess(e.at()).news(); next.told != s.told || !next.Credential.Equal(s.Credential) {
			effects = slices.Insert(effects, 1, Effect(Notify{}))
		}
	}
	return next, append(effects, s.revoking(trigger, e, next)...), nil
}

// publishes reports whether effects begin with the Publish that every change begins
// with.
func publishes(effects []Effect) bool {
	return len(effects) > 0 && effects[0] == Effect(Publish{})
}

// TriggerOf says what the table calls an event in this state. The guards behind it stand
// in the files of their stories; they look, and change nothing.
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
		return s.takenAs(e.Credential, s.Policy.dates(e.Credential, time.Time{}), e.at())
	case LoggedOut:
		return loggedOut
	case RefreshSucceeded:
		if s.Policy.datesOf(e).isDue(e.at()) {
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

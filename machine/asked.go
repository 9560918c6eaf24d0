package machine

import (
	"cmp"
	"time"

	"github.com/bezoar-auth/bezoar/machine/endpoint"
)

// Ask is what a client wants when it asks for its status.
type Ask struct {
	Refresh bool // demands a refresh, whatever the age of the token
	Token   bool // wants the token itself
}

// AnswersAtOnce reports whether ask can be answered from this snapshot without
// telling the machine: nothing is due, demanded or to be looked for.
func (s State) AnswersAtOnce(ask Ask, at time.Time) bool {
	switch s.Phase {
	case ApiKey:
		return true
	case Fresh:
		return !s.IsUnsaved() && !s.isDue(at) && (!ask.Refresh || s.ignoresDemand(at))
	}
	return false
}

// NeedsALook reports whether all that ask wants first is a look at the store: if
// that holds what it held, this snapshot is the answer.
func (s State) NeedsALook(ask Ask, at time.Time) bool { return s.onAsked(ask, at) == lookNeeded }

// Waits reports whether an ask has to wait for the refresh in flight: it demands
// one, or it wants a token and the one at hand was refused, has expired, or cannot
// be dated and is old. Others are answered with what there is.
func (s State) Waits(ask Ask, at time.Time) bool {
	if s.Attempt == 0 || s.Overdue || s.Credential.Method == MethodExternal {
		return false
	}
	if ask.Refresh {
		return true
	}
	return ask.Token && !s.serves(at)
}

// move starts a refresh, orders a look or a save, or changes nothing: onAsked decides.
func (e Asked) move(s State) transition {
	at, trigger := e.at(), s.onAsked(e.Ask, e.at())
	switch trigger {
	case refreshDemanded:
		return s.starting(trigger, endpoint.CauseDemanded, at)
	case aged:
		return s.starting(trigger, s.dueCause(), at)
	case refreshDue:
		if e.Refresh {
			return s.starting(trigger, endpoint.CauseDemanded, at)
		}
		return s.starting(trigger, s.Cause, at)
	case cannotRefresh:
		return s.givingUp()
	case lookNeeded:
		return transition{trigger: trigger, next: s, effects: []Effect{LookInStore{}}}
	case saveDue:
		return transition{trigger: trigger, next: s, effects: []Effect{SaveAgain{}}}
	}
	return transition{trigger: trigger, next: s} // nothingToDo
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

// ignoresDemand reports whether a demanded refresh of a Fresh token set posts
// nothing: it was just refreshed, the client refreshes it, or it cannot be.
func (s State) ignoresDemand(at time.Time) bool {
	_, condemned := s.Verdict()
	return condemned || s.Credential.Method == MethodExternal || s.IsJustRefreshed(at)
}

// IsJustRefreshed holds within the floor after a success. A clock that went
// back does not stretch it.
func (s State) IsJustRefreshed(at time.Time) bool {
	age := at.Sub(s.RefreshedAt)
	return !s.RefreshedAt.IsZero() && age >= 0 && age < s.Policy.RefreshFloor
}

// ActsAt is when an ask would begin a refresh or a save though nothing is demanded: the
// moment at which the token set is due, or at which the wait after a failure is over. A
// moment that has passed means now; zero is never.
func (s State) ActsAt(at time.Time) time.Time {
	acts := s.refreshesAt(at)
	if s.IsUnsaved() && (acts.IsZero() || s.SaveNotBefore.Before(acts)) {
		return cmp.Or(s.SaveNotBefore, at)
	}
	return acts
}

func (s State) refreshesAt(at time.Time) time.Time {
	switch {
	case s.Phase == Fresh:
		return s.DueAt
	case s.Phase != Stale || s.Attempt != 0 || !s.refreshesItself():
		return time.Time{}
	case s.mayAttempt(at):
		return at
	}
	return s.NotBefore
}

// refreshesItself reports whether an ask may start a refresh: it is the client
// that refreshes external tokens, and it is asked when they are refused.
func (s State) refreshesItself() bool { return s.Credential.Method != MethodExternal }

// mayAttempt reports whether a refresh may start now. A deadline further away
// than any that is ever set was made by a clock that has since gone back.
func (s State) mayAttempt(at time.Time) bool {
	wait := s.NotBefore.Sub(at)
	isKnown := wait <= maxDeferral || s.NotBefore.Equal(s.endOfService())
	return s.Phase == Stale && s.Attempt == 0 && (wait <= 0 || !isKnown) && !s.Objected
}

// move makes the access token unusable and starts a refresh, unless onRejected does not
// believe the 401 or the refresh token must not be spent.
func (e TokenRejected) move(s State) transition {
	switch trigger := s.onRejected(e); trigger {
	case tokenRejected:
		return s.rejected(e.at())
	case cannotRefresh:
		return s.givingUp()
	default:
		return transition{trigger: trigger, next: s} // nothingToDo
	}
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

// givingUp is the transition of a token set that needs a refresh and has nothing to spend on it.
func (s State) givingUp() transition {
	s.Base = nil
	return publishing(cannotRefresh, s)
}

// starting is the transition to a refresh in flight. It is the only place that orders one, and
// the table leads it to Stale alone. While the issuer objects there is none: what may end
// that is another login in the store.
func (s State) starting(trigger Trigger, cause endpoint.Cause, at time.Time) transition {
	if s.Objected {
		s.Cause = cause
		return transition{trigger: trigger, next: s, effects: []Effect{Publish{}, LookInStore{}}}
	}
	s.Attempts++
	s.Attempt, s.Overdue, s.Cause, s.LastAttempt = s.Attempts, false, cause, at
	return transition{trigger: trigger, next: s, effects: []Effect{Publish{}, StartRefresh{Attempt: s.Attempt, Cause: cause}}}
}

func (s State) rejected(at time.Time) transition {
	s.Rejected, s.Cause = true, endpoint.CauseRejected
	if !s.SparesIssuer && !s.Overdue {
		s.NotBefore = time.Time{} // it was for the sake of the token
	}
	if s.Phase == Fresh || s.mayAttempt(at) {
		return s.starting(tokenRejected, endpoint.CauseRejected, at)
	}
	m := publishing(tokenRejected, s)
	if s.Attempt == 0 && s.refreshesItself() {
		m.effects = append(m.effects, LookInStore{}) // there may be another login by now
	}
	return m
}

// dueCause tells the issuer which rule made the token set age.
func (s State) dueCause() endpoint.Cause {
	if s.Expiry.IsZero() {
		return endpoint.CauseOld
	}
	return endpoint.CauseExpiring
}

package machine

import (
	"time"

	"github.com/bezoar-auth/bezoar/machine/evidence"
	"github.com/bezoar-auth/bezoar/machine/secret"
)

// Assessment is how a login fares at a moment, in words of closed sets: the one
// opinion of which the status, the token command, the story, the doctor, the
// app-server's account/health/read and the live page are views. What none of them
// may say differently is here: whether the access token is good, what has to be
// done and who can do it, and when something changes by itself. It is comparable.
type Assessment struct {
	Phase         Phase
	Reason        string // why it is in this state; "" if that needs no reason
	Action        Action
	NextAttemptAt time.Time         // when the engine tries again, or has an answer at the latest; zero for never
	Usable        bool              // there is a token, and it has not expired by its own date
	Expired       bool              // the access token has, by its own date
	ClockWrong    bool              // it had when it was asked for, so that its date is not that of this machine's clock
	Unsaved       bool              // the tokens are in memory alone
	InDoubt       bool              // a post has no outcome: the refresh token may be spent and its successor lost, or was when the issuer refused it
	Evidence      evidence.Repeated // what came of asking the issuer the last time, if that gave no tokens
}

// Action is what has to be done about a login.
type Action string

// The actions. ActionWait always comes with a NextAttemptAt at which something
// changes by itself; what waiting cannot end is one of the other two.
const (
	ActionNone     Action = "none"
	ActionWait     Action = "wait"     // the engine tries again by itself
	ActionLogin    Action = "login"    // the user has to log in
	ActionOperator Action = "operator" // this machine needs its administrator: its disk, its keyring, its network, its profile of the issuer
)

// The reasons that are neither a verdict's nor a BlockReason.
const (
	reasonRejected  = "token_rejected"      // a resource server refused the access token
	reasonUngranted = "refresh_not_granted" // the issuer answers, gives no tokens, and does not say that they are refused for good

	// ReasonIncomplete is that of a login that is stored without what it could hand out.
	ReasonIncomplete = "login_incomplete"
)

// Assess is how the login fares at a moment that is not before the last event.
func (s State) Assess(at time.Time) Assessment {
	return Assessment{
		Phase: s.Phase, Reason: s.reason(), Action: s.action(at), NextAttemptAt: s.nextAttempt(at),
		Usable: s.isUsable(at), Expired: s.hasExpired(at), ClockWrong: s.ClockWrong,
		Unsaved: s.IsUnsaved(), InDoubt: s.isInDoubt(),
		Evidence: s.Evidence,
	}
}

// news is the part of an assessment that subscribers are notified of. A time that
// moves and a count that grows are not in it: they change with each attempt.
func (a Assessment) news() Assessment {
	a.NextAttemptAt, a.Evidence.Times = time.Time{}, 0
	return a
}

func (s State) reason() string {
	if s.Phase == Poisoned {
		verdict, _ := s.Verdict()
		return string(verdict.Reason)
	}
	switch {
	case s.isIncomplete():
		return ReasonIncomplete
	case s.IsUnsaved():
		return string(evidence.BlockStoreNotDurable)
	case s.Blocked == evidence.BlockIssuerUnavailable && s.Evidence.Problem.NeedsOperator():
		return string(s.Evidence.Problem)
	case s.Blocked == evidence.BlockIssuerUnavailable && (s.Evidence.IsOfThisMachine() || s.Evidence.IsOfTheLogin()):
		return reasonUngranted
	case s.Blocked != "":
		return string(s.Blocked)
	case s.Rejected:
		return reasonRejected
	}
	return ""
}

func (s State) action(at time.Time) Action {
	switch {
	case s.Phase == NoAuth && s.Blocked == "", s.Phase == Poisoned:
		return ActionLogin
	case s.IsUnsaved(), s.Blocked.NeedsOperator():
		return ActionOperator
	case s.Blocked == evidence.BlockIssuerUnavailable && s.WayOut() != "":
		return s.WayOut()
	case s.isAbandoned(at), s.isIncomplete(), s.Blocked == evidence.BlockLoginNeeded:
		return ActionLogin
	case !s.nextAttempt(at).IsZero():
		return ActionWait
	}
	return ActionNone
}

// isAbandoned reports whether the login has run out and no refresh of this
// program can help it: its tokens come from the client, which gives no new ones.
func (s State) isAbandoned(at time.Time) bool {
	isOver := s.Rejected || s.hasExpired(at)
	return s.Credential.Method == MethodExternal && s.Attempt == 0 && isOver
}

// isIncomplete reports whether there is a login that has nothing to hand out and that
// no attempt is due for: its access token is empty, or, as Codex wants it, the
// date of its last refresh is missing; or its key is empty.
func (s State) isIncomplete() bool {
	return (s.Phase == Fresh || s.Phase == ApiKey) && !s.Credential.isUsable()
}

// sameAnswers is how many equal ones in a row are no chance any more. A portal's
// certificate or a gateway in the middle of something goes away before.
const sameAnswers = 3

// WayOut is what ends a row of equal answers of the issuer, or of its absence; "" if
// waiting may. The attempts go on all the same.
func (s State) WayOut() Action {
	e := s.Evidence
	switch {
	case e.IsOfThisMachine() && (e.Times >= sameAnswers || e.IsCertain()):
		return ActionOperator
	case e.IsOfTheLogin() && e.Times >= sameAnswers:
		return ActionLogin
	}
	return ""
}

// nextAttempt is when something changes by itself, zero if nothing does before
// the next ask: the wait for the next attempt is over, or the refresh in flight is.
func (s State) nextAttempt(at time.Time) time.Time {
	switch {
	case s.Phase != Stale:
		return time.Time{}
	case s.Overdue:
		return s.NotBefore
	case s.Attempt != 0:
		return s.LastAttempt.Add(s.Policy.attemptLimit())
	case s.refreshesItself() && !s.mayAttempt(at):
		return s.NotBefore
	}
	return time.Time{}
}

// isUsable reports whether there is a token that is good at a moment, as far as
// it says itself.
func (s State) isUsable(at time.Time) bool { return !s.Token().IsEmpty() && !s.hasExpired(at) }

// hasExpired reports whether the access token has, by its own date.
func (s State) hasExpired(at time.Time) bool { return !s.Expiry.IsZero() && !at.Before(s.Expiry) }

// TokenAt is what a client is given at a moment: a token that is usable then. One
// that has expired is given only while the issuer cannot be asked for another, for
// a clock may be wrong and a client may know better; and if it is the client that
// refreshes it. (Codex gives it at all times.)
func (s State) TokenAt(at time.Time) secret.Token {
	if s.hasExpired(at) && !s.isOutOfReach(at) {
		return secret.Token{}
	}
	return s.Token()
}

// isOutOfReach reports whether no new access token can be had for now, though
// neither the login nor this machine is known to be at fault.
func (s State) isOutOfReach(at time.Time) bool {
	if s.Credential.Method == MethodExternal {
		return true
	}
	switch s.Blocked {
	case evidence.BlockIssuerUnavailable, evidence.BlockInDoubt, evidence.BlockRefreshElsewhere, evidence.BlockStoreUnavailable:
		return s.Phase == Stale && s.action(at) != ActionLogin
	}
	return false
}

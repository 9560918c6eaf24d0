package machine

import (
	"cmp"
	"time"

	"github.com/bezoar-auth/bezoar/machine/endpoint"
	"github.com/bezoar-auth/bezoar/machine/evidence"
	"github.com/bezoar-auth/bezoar/machine/history"
)

// Judge is what an answer to the refresh in flight comes to, which was sent at the
// given time. A grant that gives the access token back that the refresh was for, though
// it had expired by then or a resource server had refused it, has refreshed nothing: a
// cache may have answered. A refresh token that came with it is kept all the same.
func (s State) Judge(a endpoint.Answer, sent time.Time) endpoint.Answer {
	if unavailable, ok := a.(endpoint.Unavailable); ok && s.Policy.Reusable {
		unavailable.Lost = false // another post of the same token is answered like the first
		return unavailable
	}
	granted, ok := a.(endpoint.Issued)
	if !ok || !granted.Response.AccessToken.Equal(s.Credential.AccessToken) {
		return a
	}
	expiry := s.Policy.expiry(s.Credential.Merge(granted.Response, sent))
	if expiry.IsZero() {
		expiry = s.Policy.expiry(s.Credential)
	}
	if isOver := !expiry.IsZero() && !expiry.After(sent); !isOver && !s.Rejected {
		return a
	}
	temporary := endpoint.Unavailable{Evidence: evidence.Evidence{Status: 200, Problem: evidence.ProblemNoToken}}
	if !granted.Response.RefreshToken.Equal(s.Credential.RefreshToken) {
		temporary.RefreshTokenOnly.RefreshToken = granted.Response.RefreshToken
	}
	return temporary
}

// isLate reports whether an attempt is no longer the one in flight, because a login or a
// logout came first. Zero is no attempt.
func (s State) isLate(attempt AttemptID) bool { return attempt != 0 && attempt != s.Attempt }

// move makes Fresh of Stale, or Stale again if the new token set has aged on its way. A
// token response that is late ends the login it brought, if that is nowhere stored.
func (e RefreshSucceeded) move(s State) transition {
	if s.isLate(e.Attempt) {
		late := transition{trigger: outcomeLate, next: s}
		if e.Base != nil { // else it is stored, and another process may use it
			late.ended = &e.Credential
		}
		return late
	}
	d, trigger := s.Policy.dates(e.Credential, cmp.Or(e.SentAt, e.at())), refreshSucceeded
	if d.isDue(e.at()) {
		trigger = refreshSucceededAged
	}
	return publishing(trigger, s.granted(e, d))
}

// WithNewRefreshToken is the login in use with a refresh token that came without an access token
// that can be used. It counts as refreshed, as in Codex, unless the date of its last
// refresh is all that tells that its access token has aged.
func (s State) WithNewRefreshToken(response endpoint.TokenResponse, at time.Time) Credential {
	next, held := s.Credential.Merge(response, at), s.Policy.dates(s.Credential, time.Time{})
	if held.expiry.IsZero() && held.isDue(at) {
		next.LastRefresh = s.Credential.LastRefresh
	}
	return next
}

func (s State) granted(e RefreshSucceeded, d dates) State {
	inARow := s.Failures + 1
	s = s.spending(e.Credential, e.at()).with(e.Credential, d)
	s.RefreshedAt, s.Base = e.at(), e.Base
	if s.isDue(e.at()) {
		s.spareIssuerOfOldTokens(inARow, e.at())
	}
	return s
}

// spareIssuerOfOldTokens lets the next refresh follow at once when a grant was too
// old when it came, and later and later if the next ones are as well.
func (s *State) spareIssuerOfOldTokens(inARow int, at time.Time) {
	if s.Failures = inARow; inARow > 1 && !s.Policy.BackoffOff {
		s.NotBefore, s.SparesIssuer = at.Add(doubled(backoffBase, backoffCeiling, inARow)), true
	}
}

// spending is the state that knows that the refresh token in use is spent, if next
// has another one.
func (s State) spending(next Credential, at time.Time) State {
	if !s.Credential.RefreshToken.Equal(next.RefreshToken) && s.Credential.Method == MethodTokens {
		return s.condemning(history.Verdict{
			TokenID: s.Policy.TokenID(s.Credential), Access: s.Credential.AccessToken.Fingerprint(),
			Reason: history.ReasonSpent, At: at,
		})
	}
	return s
}

// condemning is the state that knows of one more verdict.
func (s State) condemning(verdict history.Verdict) State {
	s.Verdicts = s.Verdicts.With(verdict)
	return s
}

// move lets the next attempt wait. A failure that is late ends the login that its new
// refresh token made, if that is nowhere stored.
func (e RefreshFailedTransient) move(s State) transition {
	if s.isLate(e.Attempt) {
		late := transition{trigger: outcomeLate, next: s}
		if e.Base != nil {
			late.ended = e.Credential
		}
		return late
	}
	return publishing(refreshFailedTransient, s.deferred(e))
}

func (s State) deferred(e RefreshFailedTransient) State {
	s.Attempt, s.Overdue, s.NotBefore, s.Blocked = 0, false, e.NotBefore, e.Blocked
	s.SparesIssuer = e.Posted || e.Blocked == evidence.BlockIssuerUnavailable || e.Blocked == evidence.BlockMisconfigured
	s.InDoubt = s.InDoubt || e.Blocked == evidence.BlockInDoubt
	if e.Evidence.Times > 0 {
		s.Evidence = e.Evidence
	}
	if e.Posted {
		s.Failures++
	}
	if e.Credential != nil {
		s = s.spending(*e.Credential, e.at())
		s.Credential, s.Base = *e.Credential, e.Base
	}
	return s
}

// move condemns the refresh token. A late verdict still condemns: the refresh token is as dead
// as if a caller had waited. It is not late for the login that Stale would spend, which
// may have come back while its first refresh was in flight.
func (e RefreshFailedPermanent) move(s State) transition {
	isInUse := s.Phase == Stale && e.Verdict.TokenID == s.Policy.TokenID(s.Credential)
	if s.isLate(e.Attempt) && !isInUse {
		return publishing(outcomeLate, s.condemning(e.Verdict))
	}
	return publishing(refreshFailedPermanent, s.refused(e))
}

func (s State) refused(e RefreshFailedPermanent) State {
	s.Attempt, s.Overdue, s.NotBefore, s.Failures, s.Blocked, s.InDoubt = 0, false, time.Time{}, 0, "", false
	s.Evidence, s.Objected = evidence.Repeated{}, false
	if e.Verdict.Reason.IsExplained() {
		s.Base = nil // it is worth nothing any more; else it may be, to another process
	}
	return s.condemning(e.Verdict)
}

// move lets no refresh start any more, and keeps all the rest: the access token serves
// as long as it lives. A late objection is in the ledger, where the next refresh finds it.
func (e RefreshObjected) move(s State) transition {
	trigger := refreshMisconfigured
	switch {
	case s.isLate(e.Attempt):
		return transition{trigger: outcomeLate, next: s}
	case e.Objection.Why == evidence.BlockLoginNeeded:
		trigger = refreshNeedsLogin
	}
	s.Attempt, s.Overdue, s.NotBefore, s.SparesIssuer, s.Failures = 0, false, time.Time{}, false, 0
	return publishing(trigger, s.objected(e.Objection))
}

// objected is the state that knows of an objection to the login in use.
func (s State) objected(o history.Objection) State {
	s.Objected, s.Blocked, s.Evidence = true, o.Why, o.Evidence.After()
	return s
}

// move lets callers wait no longer. The refresh stays in flight: as long as it does, no
// other one starts.
func (e AnswerOverdue) move(s State) transition {
	if s.isLate(e.Attempt) {
		return transition{trigger: outcomeLate, next: s}
	}
	s.Overdue, s.NotBefore, s.Blocked = true, e.Until, evidence.BlockIssuerUnavailable
	return publishing(answerOverdue, s)
}

// move forgets what the store held in place of the login, which is stored now.
func (e Saved) move(s State) transition {
	if !s.IsUnsaved() {
		return transition{trigger: outcomeLate, next: s}
	}
	s.Base = nil
	return publishing(saveSucceeded, s)
}

// move sets the time before which no ask orders another save.
func (e SaveFailed) move(s State) transition {
	if !s.IsUnsaved() {
		return transition{trigger: outcomeLate, next: s}
	}
	s.SaveNotBefore = e.NotBefore
	return publishing(saveFailed, s)
}

// The bounds of the wait after a transient failure, and the least one after a
// refusal that no code explains, for the other processes.
const (
	backoffBase     = 250 * time.Millisecond
	backoffCeiling  = 15 * time.Minute
	unexplainedBase = time.Minute

	maxDeferral = time.Hour // an older version waited as long as this
)

// An issuer that is still away when the wait could be as long as the ceiling is
// taken for broken: from then on it is probed once in about a ceiling, which is
// five posts an hour for all processes together, and leaves time for a client to
// ask within a ceiling of its return.
const (
	probeLeast = 12*time.Minute + 30*time.Second
	probeMost  = 14 * time.Minute
)

// NextAttempt is when to ask the issuer again after so many transient failures
// in a row, at least one. The wait is drawn from [0, cap) with cap doubling
// from backoffBase ("full jitter", so that many clients spread out), random being
// in [0, 1); once cap would reach backoffCeiling, from [probeLeast, probeMost).
// What the issuer wished (Retry-After, RFC 9110 section 10.2.3; zero for nothing)
// is obeyed up to the ceiling.
func (p Policy) NextAttempt(at time.Time, failures int, retryAfter time.Duration, random float64) time.Time {
	if p.BackoffOff {
		return at
	}
	least, most := time.Duration(0), doubled(backoffBase, backoffCeiling, failures)
	if most == backoffCeiling {
		least, most = probeLeast, probeMost
	}
	wait := least + time.Duration(random*float64(most-least))
	return at.Add(max(wait, min(retryAfter, backoffCeiling)))
}

// AfterUnexplained is when another process may ask the issuer after a refusal
// that no code explains, the last of so many in a row: it may come from a gateway in
// front of the issuer.
func (p Policy) AfterUnexplained(at time.Time, refusals int) time.Time {
	if p.BackoffOff {
		return at
	}
	return at.Add(doubled(unexplainedBase, backoffCeiling, refusals))
}

// doubled is base doubled for each failure after the first, up to ceiling.
func doubled(base, ceiling time.Duration, failures int) time.Duration {
	for ; failures > 1 && base < ceiling; failures-- {
		base *= 2
	}
	return min(base, ceiling)
}

package machine

import (
	"cmp"
	"time"

	"github.com/bezoar-auth/bezoar/machine/evidence"
	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/machine/secret"
)

// Loaded is the event that the machine learns a stored credential by, with all that the
// ledger knows of it and of the login in use.
func (s State) Loaded(h history.TokenHistory, found Credential, at time.Time) CredentialLoaded {
	id := s.Policy.TokenID(found)
	if found.ExpiresAt.IsZero() { // the record does not say it
		found.ExpiresAt = h.Expiry(found.AccessToken.Fingerprint())
	}
	rotation := h.Rotation(id)
	return CredentialLoaded{
		At: At{at}, Credential: found, Verdict: h.VerdictOn(id), RefreshedAt: rotation.At, SentAt: rotation.SentAt,
		InUse:      h.VerdictOn(s.Policy.TokenID(s.Credential)),
		InUseEnded: s.IsEnded(h), IsLater: s.isLater(found, h), LastLogin: h.LastLogin,
		InDoubt: h.Losses(id) > 0, Objection: h.Objection(id, s.Policy.Profile),
	}
}

// IsEnded reports whether the ledger knows of a logout that ended the login in use. It
// is over then, however good its tokens look.
func (s State) IsEnded(h history.TokenHistory) bool {
	return s.Credential.Method != "" && h.IsEnded(s.Policy.endingName(s.Credential))
}

// endingName is what a logout is filed under: the token id, or the fingerprint of a login that has none.
func (p Policy) endingName(c Credential) secret.Fingerprint {
	return cmp.Or(p.TokenID(c), c.Fingerprint())
}

// isLater reports whether the found login is the last one that a user made here, and was
// made after the login in use had been taken up. What was spent or ended since is a file
// that came back.
func (s State) isLater(found Credential, h history.TokenHistory) bool {
	isOfLast := func(c Credential) bool {
		return h.IsOfLastLogin(s.Policy.TokenID(c), c.Fingerprint(), c.ownerName())
	}
	if h.LastLogin == s.LastLogin || !isOfLast(found) || isOfLast(s.Credential) {
		return false
	}
	verdict := h.VerdictOn(s.Policy.TokenID(found))
	return !h.IsEnded(s.Policy.endingName(found)) && (verdict == nil || verdict.Reason != history.ReasonSpent)
}

// sentAt is when the refresh that the credential came out of was sent, zero if that
// is not known. One from the future was sent by a clock that has since gone back.
func (e CredentialLoaded) sentAt() time.Time {
	sent := cmp.Or(e.SentAt, e.RefreshedAt)
	if sent.After(e.at()) {
		return time.Time{}
	}
	return sent
}

// move takes up what a look found, if onLoaded says so. A refresh that found it ends here
// in any case, and the tokens that it brought for no login are revoked.
func (e CredentialLoaded) move(s State) transition {
	m := transition{trigger: outcomeLate, next: s, ended: e.Dropped}
	if s.isLate(e.Attempt) {
		return m
	}
	switch m.trigger = s.onLoaded(e); m.trigger {
	case loginKept:
		if e.Attempt == 0 {
			return m
		}
		m.next.Attempt, m.next.Overdue, m.next.NotBefore = 0, false, time.Time{} // it must not take what it found
	case storeStatusChanged:
		m.next = s.withStoreStatus("")
	default:
		m.next = s.loaded(e)
		m.trigger = cmp.Or(m.trigger, m.next.takenAs(e.at()))
	}
	m.effects = []Effect{Publish{}}
	return m
}

// move keeps the login in use: a store that holds none is no logout. In NoAuth it notes
// why there is no login.
func (e NothingLoaded) move(s State) transition {
	if trigger := s.onNothingNew(e.Blocked); trigger != storeStatusChanged {
		return transition{trigger: trigger, next: s} // loginKept
	}
	return publishing(storeStatusChanged, s.withStoreStatus(e.Blocked))
}

// move puts the new login in place of any other.
func (e LoggedIn) move(s State) transition {
	next := s.with(e.Credential, s.Policy.dates(e.Credential, time.Time{}))
	return publishing(next.takenAs(e.at()), next)
}

// move leaves no login. Of the one in memory and the one in the store, the login that can
// still be refreshed is revoked, also if another login or logout was first.
func (e LoggedOut) move(s State) transition {
	ended := e.Dropped
	if e.Removed != nil {
		ended = newest(s.Credential, *e.Removed)
	}
	if s.isLate(e.Attempt) {
		return transition{trigger: outcomeLate, next: s, ended: ended}
	}
	m := publishing(loggedOut, s.without())
	m.ended = ended
	return m
}

// onLoaded is the trigger for a look that found a login, "" if that is taken up and its
// dates and verdicts say as what.
func (s State) onLoaded(e CredentialLoaded) Trigger {
	switch {
	case !s.Policy.Admits(e.Credential):
		return s.onNothingNew("")
	case e.Credential.Equal(s.Credential):
		return s.onSame(e)
	case s.IsUnsaved() && e.Credential.Equal(*s.Base):
		return loginKept // what the unsaved one was made from
	case s.inUse() && !e.Displaced && e.Attempt == 0 && !s.isSucceededBy(e):
		return loginKept // a refresh that found it has weighed it already, see Preflight
	}
	return ""
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
	return s.onNothingNew("")
}

// onNothingNew is the trigger for a look that found nothing to take up. Why
// there is none matters in NoAuth alone.
func (s State) onNothingNew(trouble evidence.BlockReason) Trigger {
	if s.Phase == NoAuth && trouble != s.Blocked {
		return storeStatusChanged
	}
	return loginKept
}

// isSucceededBy reports whether a loaded credential may take the place of the one
// in use. Anything may after a logout from ours. A key may, and so may another login of
// the same account, unless that one is known to be dead while ours is not: a file that
// came back from a backup must not cost a login. A login that the user made after ours
// may in any case, for it was on purpose; any other one may once ours is over.
func (s State) isSucceededBy(e CredentialLoaded) bool {
	_, isDead := s.verdictOn(e.Credential)
	_, oursIsDead := s.verdictOn(s.Credential)
	oursIsDead = oursIsDead || e.InUse != nil
	switch {
	case e.InUseEnded:
		return true
	case s.Policy.SharesAccount(s.Credential, e.Credential):
		return oursIsDead || !isDead && e.Verdict == nil
	case e.IsLater:
		return true
	case s.Credential.Method == MethodAPIKey:
		return false // it is good for ever
	case s.Credential.Method == MethodExternal:
		return !s.serves(e.at()) // it is their giver that replaces them, as long as they are good
	case e.Credential.Method == MethodAPIKey:
		return true
	}
	return oursIsDead || !s.serves(e.at())
}

// takenAs is how the table calls the event that has brought the credential of this state.
// A condemned refresh token poisons it, unless its access token is another one than the
// refused and still good.
func (s State) takenAs(at time.Time) Trigger {
	verdict, condemned := s.verdictOn(s.Credential)
	switch {
	case s.Credential.Method == MethodAPIKey:
		return loadedAPIKey
	case s.Credential.Method == MethodExternal:
		return loadedFresh
	case condemned && (s.isDue(at) || verdict.Covers(s.Credential.AccessToken.Fingerprint())):
		return loadedRefused
	case s.isDue(at):
		return loadedStale
	}
	return loadedFresh
}

// loaded is the state with the credential of a look.
func (s State) loaded(e CredentialLoaded) State {
	if e.Verdict != nil {
		s = s.condemning(*e.Verdict)
	}
	s = s.with(e.Credential, s.Policy.dates(e.Credential, e.sentAt()))
	s.RefreshedAt, s.LastLogin, s.InDoubt = e.RefreshedAt, e.LastLogin, e.InDoubt
	if _, condemned := s.Verdict(); e.Objection != nil && !condemned {
		s = s.objected(*e.Objection)
	}
	return s
}

// without is the state without a login. What it knows of refresh tokens
// stays: the same one may be put back.
func (s State) without() State {
	return State{Policy: s.Policy, Since: s.Since, Attempts: s.Attempts, LastLogin: s.LastLogin, LastAttempt: s.LastAttempt, Verdicts: s.Verdicts, told: s.told}
}

// with is the state with another credential in use; nothing of the old one is left.
func (s State) with(c Credential, d dates) State {
	s = s.without()
	s.Credential, s.Account = c, s.Policy.account(c)
	s.Expiry, s.DueAt, s.ClockWrong = d.expiry, d.due, d.clockWrong
	s.Cause = s.dueCause()
	return s
}

// withStoreStatus is the state after a look that changed nothing but what is known of the
// store: why it holds no login, or that it holds the one in use again.
func (s State) withStoreStatus(why evidence.BlockReason) State {
	s.Blocked, s.NotBefore = why, time.Time{}
	return s
}

// revoking is the order to end, at the issuer, a login that no process uses any more:
// none, or one.
//
// A refresh token that was refused or spent is never sent again, not
// even to be revoked. Nor is a login whose account is in use: what was logged in
// meanwhile might be of the same family, and would be ended with it.
func (s State) revoking(ended Credential) []Effect {
	if ended.Method != MethodTokens || s.Policy.SharesAccount(s.Credential, ended) {
		return nil
	}
	verdict, condemned := s.verdictOn(ended)
	if condemned && verdict.Reason != history.ReasonMissing || ended.RefreshToken.IsEmpty() && ended.AccessToken.IsEmpty() {
		return nil
	}
	return []Effect{Revoke{Credential: ended}}
}

// newest is the one of a logout's two logins that can still be refreshed: what
// the store held, for another process may have refreshed it, unless the one in
// memory was refreshed after it.
func newest(held, stored Credential) *Credential {
	if held.Method == MethodTokens && (stored.Method != MethodTokens || held.LastRefresh.After(stored.LastRefresh)) {
		return &held
	}
	return &stored
}

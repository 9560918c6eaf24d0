package machine

import "time"

// Stored is what a refresh transaction sees once it holds the lock.
type Stored struct {
	Credential *Credential // nil: nothing there, or nothing that can be read
	Unreadable bool        // something is there, and it is no login
	Lineage    Lineage
	Doubt      Doubt // about the refresh token of the login in use
}

// Reconsider is the second thought of a refresh that holds the lock and is
// about to post: is it still needed, and may it be? It returns the event that
// ends the refresh without a post, or nil: then the token may be spent.
//
// The rules are those of the reference where it has any, so the order matters:
// first what somebody else has done to the login, then what is known of the
// token, then politeness.
func (s State) Reconsider(stored Stored, at time.Time) Event {
	held := s.Policy.KeyOf(s.Credential)
	kept := RefreshFailedTransient{At: At{at}, Attempt: s.Attempt}
	switch found := stored.Credential; {
	case found == nil && stored.Lineage.LoggedOut:
		return LoggedOut{At: At{at}, Attempt: s.Attempt}
	case found == nil && stored.Unreadable:
		kept.Trouble = TroubleUnreadable
		return kept // it may be in the middle of something
	case found == nil, !s.Policy.Restriction.Admits(*found), !s.Credential.SharesAccount(*found):
		kept.Trouble = TroubleOtherLogin
		return kept // somebody else's business: the login in use goes on
	case s.isSuperseded(*found, stored.Lineage):
		return s.adopting(*found, stored.Lineage, at)
	}
	if verdict := stored.Lineage.VerdictOn(held); verdict != nil {
		return RefreshFailedPermanent{At: At{at}, Attempt: s.Attempt, Verdict: *verdict}
	}
	if wait := stored.Lineage.Deferral.NotBefore.Sub(at); wait > 0 && wait <= maxDeferral && !s.Policy.BackoffOff {
		kept.NotBefore, kept.Trouble = stored.Lineage.Deferral.NotBefore, TroubleIssuer
		kept.Evidence = stored.Lineage.Deferral.Evidence
		return kept
	}
	return s.doubting(stored.Doubt, stored.Lineage.IsInDoubt(held) && !s.Policy.BackoffOff, at)
}

// isSuperseded reports whether the store holds a newer token set than the one
// in use. What an unsaved one was made from is not newer, and neither is one
// whose refresh token is known to be dead while ours is not: a file that came
// back from a backup must not cost a good login.
func (s State) isSuperseded(found Credential, lineage Lineage) bool {
	if found.Equal(s.Credential) || s.IsUnsaved() && found.Equal(*s.Base) {
		return false
	}
	return s.condemnedBy(lineage, s.Credential) || !s.condemnedBy(lineage, found)
}

// MayReplace reports whether the successor of the login in use may take the
// place of another stored one: of a token set of the same account that is known
// to be dead, which nobody could miss. It may not if that is of a later login
// and was spent, for then its successor is in somebody's memory, on the way into
// the store; nor if somebody has logged out of the login in use.
func (s State) MayReplace(stored Credential, lineage Lineage) bool {
	verdict := lineage.VerdictOn(s.Policy.KeyOf(stored))
	if verdict == nil || !stored.SharesAccount(s.Credential) {
		return false
	}
	hasSuccessor := verdict.Reason == ReasonSpent && stored.LastRefresh.After(s.Credential.LastRefresh)
	return !hasSuccessor && !lineage.IsEnded(s.Policy.KeyOf(s.Credential))
}

func (s State) condemnedBy(lineage Lineage, c Credential) bool {
	_, condemned := s.verdictOn(c)
	return condemned || lineage.VerdictOn(s.Policy.KeyOf(c)) != nil
}

func (s State) adopting(found Credential, lineage Lineage, at time.Time) Event {
	key := s.Policy.KeyOf(found)
	return CredentialLoaded{
		At: At{at}, Attempt: s.Attempt, Credential: found,
		Verdict: lineage.VerdictOn(key), RefreshedAt: lineage.RefreshedAt(key),
	}
}

// doubtRecheck is when to look again whether a post that another process has
// in flight has ended.
const doubtRecheck = time.Second

// doubting decides on a refresh token that may be spent already: whoever posted
// it died, or lived and lost the answer. It is tried again when the access token
// is of no use any more: then a refusal costs nothing that is not lost already,
// and before that it could end a login that works. Of a post that nobody lived to
// tell of, a second one is final.
func (s State) doubting(doubt Doubt, answerLost bool, at time.Time) Event {
	kept := RefreshFailedTransient{At: At{at}, Attempt: s.Attempt, Trouble: TroubleDoubt}
	switch {
	case doubt.Times == 0 && !answerLost:
		return nil
	case doubt.Times > 0 && !doubt.HolderGone:
		kept.NotBefore, kept.Trouble = at.Add(doubtRecheck), TroubleSister
		return kept
	case doubt.Times > 1:
		return RefreshFailedPermanent{At: At{at}, Attempt: s.Attempt, Verdict: Verdict{
			Key: s.Policy.KeyOf(s.Credential), Access: s.Credential.AccessToken.Fingerprint(),
			Reason: ReasonInDoubt, At: at,
		}}
	case s.serves(at):
		kept.NotBefore = at.Add(BackoffCeiling)
		if !s.Expiry.IsZero() && s.Expiry.Before(kept.NotBefore) {
			kept.NotBefore = s.Expiry
		}
		return kept
	}
	return nil
}

// serves reports whether the access token can still be of use, as far as
// anybody can tell.
func (s State) serves(at time.Time) bool {
	if s.Rejected {
		return false
	}
	if s.Expiry.IsZero() {
		return !s.isDue(at)
	}
	return at.Before(s.Expiry)
}

package machine

import (
	"slices"
	"time"

	"github.com/bezoar-auth/bezoar/machine/evidence"
	"github.com/bezoar-auth/bezoar/machine/secret"
)

// TokenHistory is what a store's ledger remembers of the refresh tokens that passed
// through it, over all processes and restarts. The zero TokenHistory remembers
// nothing. It is a value and holds no secret.
type TokenHistory struct {
	Verdicts  []Verdict  // refused for good, or spent on a successor: the newest
	Condemned Condemned  // the keys of these and of all before
	Rotations []Rotation // refreshes that went well, the newest last
	Deferral  Deferral   // the backoff that all processes share
	LoggedOut bool       // the last login was ended on purpose

	Expiries []Expiry // of access tokens, as the issuer said with them

	Lost  []Loss   // posts whose answer was lost
	Ended []Ending // logins that a logout ended

	Origins []Origin // where logins were made, the newest last
}

// Rotation is one refresh that went well.
type Rotation struct {
	TokenID secret.Fingerprint // of the refresh token that came out of it
	At      time.Time
	SentAt  time.Time // when it was sent to the issuer; zero if unknown
}

// Expiry is when an access token expires.
type Expiry struct {
	Access secret.Fingerprint
	At     time.Time
}

// Loss is a refresh token whose posts may have been granted, with nobody to hear it.
type Loss struct {
	TokenID secret.Fingerprint
	Times   int
}

// Ending is a refresh token whose login a logout ended.
type Ending struct {
	TokenID secret.Fingerprint
	Undone  bool // the logout failed, and the login goes on
}

// Deferral is how long to leave the issuer alone.
type Deferral struct {
	NotBefore   time.Time
	Failures    int               // in a row, over all processes
	Unexplained bool              // they were refusals that no code explains, and no failures
	Evidence    evidence.Repeated // what the last of them ended in
}

// After is how many failures in a row, or unexplained refusals, there are with one
// more. The two are counted apart: one gateway's page after an outage is the first.
func (d Deferral) After(inMemory int, unexplained bool) int {
	if d.Unexplained != unexplained {
		return 1 + inMemory
	}
	return 1 + max(inMemory, d.Failures)
}

// Doubt is a post whose outcome nobody wrote down: the refresh token may be
// spent and its successor lost. The zero Doubt is none.
type Doubt struct {
	Since       time.Time // of the last such post
	Times       int       // how many there were for this refresh token
	HolderGone  bool      // whoever posted will not write an outcome any more
	AnswersLost int       // of posts that were concluded: nobody heard what came of them
}

// VerdictOn is the verdict on a refresh token's key, nil if there is none.
func (l TokenHistory) VerdictOn(key secret.Fingerprint) *Verdict {
	verdict, ok := verdicts(l.Verdicts).on(key)
	if !ok {
		verdict, ok = l.Condemned.on(key)
	}
	if !ok {
		return nil
	}
	return &verdict
}

// Losses is how often the answer to a post of the refresh token with this key was
// lost.
func (l TokenHistory) Losses(key secret.Fingerprint) int {
	at := slices.IndexFunc(l.Lost, func(each Loss) bool { return key != "" && each.TokenID == key })
	if at < 0 {
		return 0
	}
	return l.Lost[at].Times
}

// IsEnded reports whether somebody logged out of the login with this refresh
// token's key.
func (l TokenHistory) IsEnded(key secret.Fingerprint) bool {
	return key != "" && slices.Contains(l.Ended, Ending{TokenID: key})
}

// Rotation is the refresh that the refresh token with this key came out of, the
// zero Rotation if it did not.
func (l TokenHistory) Rotation(key secret.Fingerprint) Rotation {
	for _, rotation := range slices.Backward(l.Rotations) {
		if key != "" && rotation.TokenID == key {
			return rotation
		}
	}
	return Rotation{}
}

// Loaded is the event that a state learns a stored credential by, with all that is
// remembered of it and of the login in use.
func (l TokenHistory) Loaded(s State, found Credential, at time.Time) CredentialLoaded {
	key, access := s.Policy.TokenID(found), found.AccessToken.Fingerprint()
	if at := slices.IndexFunc(l.Expiries, func(each Expiry) bool { return access != "" && each.Access == access }); at >= 0 {
		found.ExpiresAt = l.Expiries[at].At
	}
	rotation := l.Rotation(key)
	return CredentialLoaded{
		At: At{at}, Credential: found, Verdict: l.VerdictOn(key), RefreshedAt: rotation.At, SentAt: rotation.SentAt,
		InUse: l.VerdictOn(s.Policy.TokenID(s.Credential)),
	}
}

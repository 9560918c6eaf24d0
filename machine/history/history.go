// Package history is what a store's ledger knows of the refresh tokens that passed
// through it, over all processes and restarts: which were refused for good
// ([Verdict]), which came out of a refresh ([Rotation]), which may be spent ([Doubt],
// [Loss]), to which the issuer objects without a verdict ([Objection]), and how long to
// leave the issuer alone ([Deferral]). The machine decides by
// it; the ledger keeps it. It holds fingerprints and no secrets.
package history

import (
	"slices"
	"time"

	"github.com/bezoar-auth/bezoar/machine/evidence"
	"github.com/bezoar-auth/bezoar/machine/secret"
)

// TokenHistory is what a ledger remembers. The zero TokenHistory remembers nothing. It
// is a value.
type TokenHistory struct {
	Verdicts  []Verdict  // refused for good, or spent on a successor: the newest
	Condemned Condemned  // the token ids of these and of all before
	Rotations []Rotation // refreshes that went well, the newest last
	Deferral  Deferral   // the backoff that all processes share
	LoggedOut bool       // the last login was ended on purpose

	Expiries []Expiry // of access tokens, as the issuer said with them

	Objections []Objection // of issuers, and what lifts them, the newest last

	Lost  []Loss   // posts whose answer was lost
	Ended []Ending // logins that a logout ended

	Origins []Origin // where logins were made, the newest last

	LastLogin   Login        // the last login that a user made with this program
	Successions []Succession // of refresh tokens, the newest last
}

// Login is a login that a user made, as its entry names it. The zero Login is none.
type Login struct {
	TokenID secret.Fingerprint // of its first refresh token; "" for a key
	Access  secret.Fingerprint // its key, or its first access token
	Owner   secret.Fingerprint // of its owner id; "" if it has none
	At      time.Time
}

// Succession is a refresh token that came out of another one.
type Succession struct {
	TokenID secret.Fingerprint // that was spent on it
	Next    secret.Fingerprint
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

// Loss is a refresh token that the issuer may have rotated in an answer that was lost.
type Loss struct {
	TokenID secret.Fingerprint
	Times   int
	SentAt  time.Time // the last of them; zero if unknown
}

// Ending is a refresh token whose login a logout ended, or a key.
type Ending struct {
	TokenID secret.Fingerprint // the fingerprint of a key, which has no token id
	Undone  bool               // the logout failed, and the login goes on
}

// Origin is where the login with an owner id was made. It is a fact about the login
// that its record may lose.
type Origin struct {
	Owner    secret.Fingerprint // of the owner id
	Issuer   string             // base URL
	ClientID string
}

// Deferral is how long to leave the issuer alone.
type Deferral struct {
	NotBefore   time.Time
	Failures    int               // in a row, over all processes
	Unexplained bool              // they were refusals that no code explains, and no failures
	OfClient    bool              // what was refused is the client, and not the token
	Profile     string            // OfClient: the fingerprint of the profile that has it
	Evidence    evidence.Repeated // what the last of them ended in
}

// Until is the end of the wait for requests by a profile. What the issuer has against
// another profile is no reason to wait.
func (d Deferral) Until(profile string) time.Time {
	if d.OfClient && d.Profile != profile {
		return time.Time{}
	}
	return d.NotBefore
}

// Blocked is why a refresh waits for it.
func (d Deferral) Blocked() evidence.BlockReason {
	if d.OfClient {
		return evidence.BlockMisconfigured
	}
	return evidence.BlockIssuerUnavailable
}

// After is how many failures in a row, or unexplained refusals, there are with one
// more. The two are counted apart: one gateway's page after an outage is the first.
func (d Deferral) After(inMemory int, unexplained bool) int {
	if d.Unexplained != unexplained {
		return 1 + inMemory
	}
	return 1 + max(inMemory, d.Failures)
}

// Doubt is a post without a recorded outcome: the refresh token may be spent and its
// successor lost. The zero Doubt is none.
type Doubt struct {
	Since       time.Time // of the last such post
	Times       int       // how many there were for this refresh token
	HolderGone  bool      // the process that posted will not write an outcome any more
	AnswersLost int       // of posts that were concluded, but whose answer was lost
}

// IsGivenUp reports whether there was a post whose outcome no process will write down any
// more: the token may be spent. A post in flight is none.
func (d Doubt) IsGivenUp() bool { return d.Times > 0 && d.HolderGone || d.AnswersLost > 0 }

// VerdictOn is the verdict on a refresh token, nil if there is none.
func (h TokenHistory) VerdictOn(id secret.Fingerprint) *Verdict {
	verdict, ok := Verdicts(h.Verdicts).On(id)
	if !ok {
		verdict, ok = h.Condemned.on(id)
	}
	if !ok {
		return nil
	}
	return &verdict
}

// Losses is how often the answer to a post of a refresh token was lost.
func (h TokenHistory) Losses(id secret.Fingerprint) int {
	return h.LossOf(id).Times
}

// LossOf are the posts of a refresh token whose answer was lost; the zero Loss for none.
func (h TokenHistory) LossOf(id secret.Fingerprint) Loss {
	at := slices.IndexFunc(h.Lost, func(each Loss) bool { return id != "" && each.TokenID == id })
	if at < 0 {
		return Loss{}
	}
	return h.Lost[at]
}

// IsEnded reports whether a logout ended the login with a refresh token, or with the key
// of a fingerprint.
func (h TokenHistory) IsEnded(id secret.Fingerprint) bool {
	return id != "" && slices.Contains(h.Ended, Ending{TokenID: id})
}

// IsOfLastLogin reports whether the login with a refresh token, with an access token or a
// key, and with an owner id is the last one that a user made, or what refreshes have made
// of that. After a logout there is none. A name that is "" is not known.
func (h TokenHistory) IsOfLastLogin(id, access, owner secret.Fingerprint) bool {
	last := h.LastLogin
	isSame := func(a, b secret.Fingerprint) bool { return a != "" && a == b }
	switch {
	case h.LoggedOut:
		return false
	case isSame(id, last.TokenID), isSame(access, last.Access), isSame(owner, last.Owner):
		return true
	}
	for _, each := range slices.Backward(h.Successions) {
		if !isSame(each.Next, id) {
			continue
		}
		if id = each.TokenID; isSame(id, last.TokenID) {
			return true
		}
	}
	return false
}

// Rotation is the refresh that a refresh token came out of, the zero Rotation if it
// did not.
func (h TokenHistory) Rotation(id secret.Fingerprint) Rotation {
	for _, rotation := range slices.Backward(h.Rotations) {
		if id != "" && rotation.TokenID == id {
			return rotation
		}
	}
	return Rotation{}
}

// Expiry is when an access token expires, as the issuer said with it; zero if it said
// nothing.
func (h TokenHistory) Expiry(access secret.Fingerprint) time.Time {
	at := slices.IndexFunc(h.Expiries, func(each Expiry) bool { return access != "" && each.Access == access })
	if at < 0 {
		return time.Time{}
	}
	return h.Expiries[at].At
}

// Origin is where the login with an owner id was made; false if that is not known.
func (h TokenHistory) Origin(owner secret.Fingerprint) (Origin, bool) {
	for _, each := range slices.Backward(h.Origins) {
		if each.Owner == owner {
			return each, true
		}
	}
	return Origin{}, false
}

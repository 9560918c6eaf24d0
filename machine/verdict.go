package machine

import (
	"slices"
	"time"

	"github.com/bezoar-auth/bezoar/machine/secret"
)

// Reason is why an issuer refused a refresh token for good. It is a closed
// set: an issuer's free text never gets here.
type Reason string

// The reasons of a verdict.
const (
	ReasonExpired      Reason = "refresh_token_expired"
	ReasonReused       Reason = "refresh_token_reused"
	ReasonRevoked      Reason = "refresh_token_invalidated"
	ReasonInvalidGrant Reason = "invalid_grant"   // RFC 6749 section 5.2
	ReasonUnexplained  Reason = "unexplained"     // a 401 with no code that anybody knows
	ReasonInDoubt      Reason = "in_doubt"        // two attempts ended without an outcome
	ReasonMissing      Reason = "no_token"        // there is no refresh token to spend
	ReasonSpent        Reason = "already_rotated" // the ledger has its successor
)

// Message says the reason to a person, in the reference's words where it has any.
func (r Reason) Message() string {
	const retry = " Please log out and sign in again."
	switch r {
	case ReasonExpired:
		return "Your access token could not be refreshed because your refresh token has expired." + retry
	case ReasonReused, ReasonSpent:
		return "Your access token could not be refreshed because your refresh token was already used." + retry
	case ReasonRevoked:
		return "Your access token could not be refreshed because your refresh token was revoked." + retry
	}
	return "Your access token could not be refreshed." + retry
}

// IsExplained reports whether the refusal is evidence about this token for
// every process, now and later. An unexplained one binds only who got it.
func (r Reason) IsExplained() bool { return r != ReasonUnexplained && r != ReasonMissing }

// Verdict condemns one refresh token: these bytes, at this token endpoint, for
// this client. It says nothing about an account, a file or a later login.
type Verdict struct {
	TokenID secret.Fingerprint // Policy.TokenID the login
	Access  secret.Fingerprint // the access token it was refused with
	Reason  Reason
	At      time.Time
}

// isOn reports whether the verdict was found with the credential's access token too.
func (v Verdict) isOn(c Credential) bool {
	return v.Access != "" && v.Access == c.AccessToken.Fingerprint()
}

// verdictsKept bounds what one process remembers; the oldest go first.
const verdictsKept = 64

// verdicts are the condemned keys that this process knows of.
type verdicts []Verdict

func (v verdicts) on(key secret.Fingerprint) (Verdict, bool) {
	at := slices.IndexFunc(v, func(each Verdict) bool { return key != "" && each.TokenID == key })
	if at < 0 {
		return Verdict{}, false
	}
	return v[at], true
}

// with is a new list that ends in verdict. The old one may be in a snapshot
// somewhere and is not touched.
func (v verdicts) with(verdict Verdict) verdicts {
	kept := make(verdicts, 0, len(v)+1)
	for _, each := range v {
		if each.TokenID != verdict.TokenID {
			kept = append(kept, each)
		}
	}
	kept = append(kept, verdict)
	return kept[max(0, len(kept)-verdictsKept):]
}

package history

import (
	"slices"
	"time"

	"github.com/bezoar-auth/bezoar/machine/secret"
)

// Reason is why a refresh token will not work again. It is a closed set: an issuer's
// free text never gets here.
type Reason string

// The reasons of a verdict. Their texts stand in ledgers, which older builds read too:
// a text never changes.
const (
	ReasonExpired      Reason = "refresh_token_expired"
	ReasonReused       Reason = "refresh_token_reused"
	ReasonRevoked      Reason = "refresh_token_invalidated"
	ReasonInvalidGrant Reason = "invalid_grant"   // RFC 6749 section 5.2
	ReasonUnexplained  Reason = "unexplained"     // a 401 without a code that is known
	ReasonInDoubt      Reason = "in_doubt"        // two attempts ended without an outcome
	ReasonMissing      Reason = "no_token"        // there is no refresh token to spend
	ReasonSpent        Reason = "already_rotated" // the ledger has its successor
)

// IsExplained reports whether the refusal is evidence about this token for
// every process, now and later. An unexplained one binds only the process that got it.
func (r Reason) IsExplained() bool { return r != ReasonUnexplained && r != ReasonMissing }

// Verdict condemns one refresh token: these bytes, at this token endpoint, for
// this client. It says nothing about an account, a file or a later login.
type Verdict struct {
	TokenID secret.Fingerprint // of the refresh token, its token endpoint and its client
	Access  secret.Fingerprint // the access token it was refused with
	Reason  Reason
	At      time.Time
	InDoubt bool // a post before the one that was refused has no outcome: that one may have spent the token
}

// Covers reports whether the refresh token was refused together with this access token.
func (v Verdict) Covers(access secret.Fingerprint) bool { return v.Access != "" && v.Access == access }

// verdictsKept bounds what one process remembers; the oldest go first.
const verdictsKept = 64

// Verdicts are those that one process knows, at most 64, the newest last. It is a
// value: With makes a new list.
type Verdicts []Verdict

// On is the verdict on a refresh token; false if there is none.
func (v Verdicts) On(id secret.Fingerprint) (Verdict, bool) {
	at := slices.IndexFunc(v, func(each Verdict) bool { return id != "" && each.TokenID == id })
	if at < 0 {
		return Verdict{}, false
	}
	return v[at], true
}

// With is a new list that ends in verdict. The old one may be in a snapshot and is not
// touched.
func (v Verdicts) With(verdict Verdict) Verdicts {
	kept := make(Verdicts, 0, len(v)+1)
	for _, each := range v {
		if each.TokenID != verdict.TokenID {
			kept = append(kept, each)
		}
	}
	kept = append(kept, verdict)
	return kept[max(0, len(kept)-verdictsKept):]
}

package history

import (
	"slices"
	"time"

	"github.com/bezoar-auth/bezoar/machine/evidence"
	"github.com/bezoar-auth/bezoar/machine/secret"
)

// Objection is an answer of an issuer that is no verdict on a refresh token, and that no
// further post of it changes: it does not take the request from this client, or it wants
// a person. It holds for one refresh token under one profile, for all processes, until
// the profile or the login is another.
type Objection struct {
	TokenID  secret.Fingerprint
	Profile  string               // the fingerprint of the profile that the request was made by
	Why      evidence.BlockReason // BlockMisconfigured or BlockLoginNeeded; "" lifts all objections before
	Evidence evidence.Evidence    // what the issuer answered
	At       time.Time
}

// Lifting is the end of all objections to a refresh token: the user has made a login
// that has it. An issuer may give the same one again.
func Lifting(id secret.Fingerprint) Objection { return Objection{TokenID: id} }

// Name is of the token and the profile: a later objection of the same name takes the
// place of this one.
func (o Objection) Name() secret.Fingerprint {
	if o.Why == "" {
		return o.TokenID
	}
	return o.TokenID + " under " + secret.Fingerprint(o.Profile)
}

// Objection is the one that stands against a post of a refresh token under a profile,
// nil if there is none.
func (h TokenHistory) Objection(id secret.Fingerprint, profile string) *Objection {
	for _, each := range slices.Backward(h.Objections) {
		switch {
		case id == "" || each.TokenID != id:
		case each.Why == "":
			return nil
		case each.Profile == profile:
			return &each
		}
	}
	return nil
}

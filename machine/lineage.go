package machine

import (
	"slices"
	"time"

	"github.com/bezoar-auth/bezoar/machine/secret"
)

// Lineage is what a store's ledger remembers of the refresh tokens that passed
// through it, over all processes and restarts. The zero Lineage remembers
// nothing. It is a value and holds no secret.
type Lineage struct {
	Verdicts  []Verdict  // refused for good, or spent on a successor
	Rotations []Rotation // refreshes that went well, the newest last
	Deferral  Deferral   // the backoff that all processes share
	LoggedOut bool       // the last login was ended on purpose

	InDoubt []secret.Fingerprint // keys whose last post may have been granted, and nobody heard
	Ended   []secret.Fingerprint // keys of logins that a logout ended
}

// Rotation is one refresh that went well.
type Rotation struct {
	Key secret.Fingerprint // of the refresh token that came out of it
	At  time.Time
}

// Deferral is how long to leave the issuer alone.
type Deferral struct {
	NotBefore time.Time
	Failures  int      // in a row, over all processes
	Evidence  Repeated // what the last of them ended in
}

// Doubt is a post whose outcome nobody wrote down: the refresh token may be
// spent and its successor lost. The zero Doubt is none.
type Doubt struct {
	Since      time.Time // of the last such post
	Times      int       // how many there were for this refresh token
	HolderGone bool      // whoever posted will not write an outcome any more
	AnswerLost bool      // of a post that was concluded: nobody heard what came of it
}

// VerdictOn is the verdict on a refresh token's key, nil if there is none.
func (l Lineage) VerdictOn(key secret.Fingerprint) *Verdict {
	verdict, ok := verdicts(l.Verdicts).on(key)
	if !ok {
		return nil
	}
	return &verdict
}

// IsInDoubt reports whether the refresh token with this key may be spent
// because the answer to its post was lost.
func (l Lineage) IsInDoubt(key secret.Fingerprint) bool {
	return key != "" && slices.Contains(l.InDoubt, key)
}

// IsEnded reports whether somebody logged out of the login with this refresh
// token's key.
func (l Lineage) IsEnded(key secret.Fingerprint) bool {
	return key != "" && slices.Contains(l.Ended, key)
}

// RefreshedAt is when the refresh token with this key came out of a refresh,
// zero if it did not.
func (l Lineage) RefreshedAt(key secret.Fingerprint) time.Time {
	for _, rotation := range slices.Backward(l.Rotations) {
		if key != "" && rotation.Key == key {
			return rotation.At
		}
	}
	return time.Time{}
}

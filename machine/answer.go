package machine

import "time"

// Answer is what came of asking an issuer for a refresh (RFC 6749 sections
// 5.1, 5.2 and 6). The set is closed, and a failure is one of its members:
// an outcome is not an error.
type Answer interface{ isAnswer() }

type answer struct{}

func (answer) isAnswer() {}

// Granted is a new token set.
type Granted struct {
	answer
	Grant Grant
}

// Refused is a verdict: this refresh token will not work again.
type Refused struct {
	answer
	Reason   Reason
	Evidence Evidence
}

// Unavailable is no verdict: the issuer, or the way to it, is out of order for now.
type Unavailable struct {
	answer
	RetryAfter time.Duration // what the issuer wished; zero for nothing
	Lost       bool          // there may have been a grant that never arrived: the token may be spent
	Evidence   Evidence      // why it is no verdict
	Kept       Grant         // a refresh token that came without a usable access token; else empty
}

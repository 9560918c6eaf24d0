package machine

import (
	"time"

	"github.com/bezoar-auth/bezoar/machine/evidence"
	"github.com/bezoar-auth/bezoar/machine/history"
)

// Answer is what came of asking an issuer for a refresh (RFC 6749 sections
// 5.1, 5.2 and 6). The set is closed, and a failure is one of its members:
// an outcome is not an error.
type Answer interface{ isAnswer() }

type answer struct{}

func (answer) isAnswer() {}

// Issued is a new token set.
type Issued struct {
	answer
	Response TokenResponse
}

// Refused is a verdict: this refresh token will not work again.
type Refused struct {
	answer
	Reason   history.Reason
	Evidence evidence.Evidence
}

// Unavailable is no verdict: the issuer, or the way to it, is out of order for now.
type Unavailable struct {
	answer
	RetryAfter time.Duration     // what the issuer wished; zero for nothing
	Lost       bool              // there may have been a grant that never arrived: the token may be spent
	Evidence   evidence.Evidence // why it is no verdict
	Kept       TokenResponse     // a refresh token that came without a usable access token; else empty
}

// Judge is what an answer to the refresh in flight comes to, which was sent at the
// given time. A grant that gives the access token back that the refresh was for, though
// it had expired by then or a resource server had refused it, has refreshed nothing: a
// cache may have answered. A refresh token that came with it is kept all the same.
func (s State) Judge(a Answer, sent time.Time) Answer {
	granted, ok := a.(Issued)
	if !ok || !granted.Response.AccessToken.Equal(s.Credential.AccessToken) {
		return a
	}
	expiry := s.Credential.Merge(granted.Response, sent).expiry()
	if expiry.IsZero() {
		expiry = s.Credential.expiry()
	}
	if isOver := !expiry.IsZero() && !expiry.After(sent); !isOver && !s.Rejected {
		return a
	}
	kept := Unavailable{Evidence: evidence.Evidence{Status: 200, Problem: evidence.ProblemNoToken}}
	if !granted.Response.RefreshToken.Equal(s.Credential.RefreshToken) {
		kept.Kept.RefreshToken = granted.Response.RefreshToken
	}
	return kept
}

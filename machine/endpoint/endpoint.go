// Package endpoint is what the machine and the engine know of an authorization server's
// token endpoint (RFC 6749 section 3.2): why it is asked for a refresh, what can come of
// asking, and the permission that a post needs at its last moment. It knows no HTTP;
// protocol/oauth speaks to the endpoint in these words.
package endpoint

import (
	"context"
	"time"

	"github.com/bezoar-auth/bezoar/machine/evidence"
	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/machine/secret"
)

// Cause is why a refresh is wanted.
type Cause string

// The causes of a refresh. Their texts are Codex's: they are sent to the issuer as
// refresh_reason, and stand in ledgers, which older builds read too.
const (
	CauseDemanded Cause = "forced"
	CauseExpiring Cause = "proactive_expiry"
	CauseOld      Cause = "scheduled"
	CauseRejected Cause = "unauthorized_recovery"
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

// Refused says that this process posts the refresh token no more. If the reason is
// explained ([history.Reason.IsExplained]), the issuer refused the token for good, and no
// process posts it again.
type Refused struct {
	answer
	Reason   history.Reason
	Evidence evidence.Evidence
}

// Unavailable is no verdict: the issuer, or the way to it, is out of order for now.
type Unavailable struct {
	answer
	RetryAfter       time.Duration     // what the issuer wished; zero for nothing
	Lost             bool              // the issuer may have answered with tokens that were lost: the refresh token may be spent
	Evidence         evidence.Evidence // why it is no verdict
	RefreshTokenOnly TokenResponse     // a refresh token that came without a usable access token; else empty
}

// Misconfigured is no verdict on the refresh token: the issuer does not take the request
// from this client, by its name, its secret or what it asks for (RFC 6749 section 5.2).
// Nothing was issued, and the same request gets the same answer until the profile changes.
type Misconfigured struct {
	answer
	Evidence    evidence.Evidence
	Unexplained bool // no code says so: a 401 may be that of a gateway, and is tried again
}

// LoginNeeded is no verdict on the refresh token: the issuer wants a person, and no
// refresh will do (OpenID Connect Core section 3.1.2.6). Nothing was issued.
type LoginNeeded struct {
	answer
	Evidence evidence.Evidence
}

// TokenResponse is what an issuer gives (RFC 6749 section 5.1). An absent token means
// that the old one goes on (section 6).
type TokenResponse struct {
	IDToken      secret.Token
	AccessToken  secret.Token
	RefreshToken secret.Token

	Scope     string // of the access token, if the issuer says it (RFC 6749 section 3.3); "" also of Codex's
	TokenType string // of the access token (section 7.1), likewise

	Lifetime  time.Duration // of the access token, as the issuer says (expires_in); zero if it does not
	ExpiresAt time.Time     // that, counted from when the request was sent; zero if not known
}

// SentAt is the response with its lifetime counted from when it was asked for: the
// issuer counts from later, so that a token is never used for too long.
func (r TokenResponse) SentAt(at time.Time) TokenResponse {
	if r.Lifetime > 0 {
		r.ExpiresAt = at.Round(0).Add(r.Lifetime)
	}
	return r
}

// mayPostKey is where a context holds the question that the intent of a post answers.
type mayPostKey struct{}

// WithIntent is a context for one post. The sender asks [MayPost] when the first byte
// of the body is about to leave: an intent has an end, and the process may have been
// stopped since it was made.
func WithIntent(ctx context.Context, mayPost func() bool) context.Context {
	return context.WithValue(ctx, mayPostKey{}, mayPost)
}

// MayPost reports whether the intent of a post still allows it. A request that is no
// post of a refresh token has none, and may be sent.
func MayPost(ctx context.Context) bool {
	mayPost, ok := ctx.Value(mayPostKey{}).(func() bool)
	return !ok || mayPost()
}

// HearingLimit is how much longer than its deadline the answer to a post is listened
// for, by the process that posted. It is longer than any gateway in front of an issuer
// holds a request (one to four minutes are usual, and then it answers something). As
// long as that process is known to live, its intent is believed for as long, so that no
// other one posts the same token.
const HearingLimit = 5 * time.Minute

package oauth

import (
	"errors"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/evidence"
	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/protocol/outbound"
)

// Classify says what a token endpoint's answer to a refresh means (RFC 6749
// sections 5.1 and 5.2, in the dialects of the reference's issuer and of those
// that answer errors with 200). It is pure, and the only place that knows statuses
// and error codes.
//
// A 2xx with an access token that can be used is a grant, unless it says itself
// that it is an error. Of the rest, what refusals lists is a verdict. Everything
// else is not, whatever it says; a refresh token that came with it is handed on.
// body may be cut short: a grant that can be read is a grant.
func Classify(status int, header http.Header, body []byte, now time.Time) machine.Answer {
	return reply{status: status, header: header, body: body}.classify(now)
}

func (r reply) classify(now time.Time) machine.Answer {
	said, answeredAs := r.said(), r.status
	unavailable := machine.Unavailable{RetryAfter: retryAfter(r.header, now), Evidence: r.evidence()}
	if r.ok() {
		grant := said.grant()
		if !said.saysError() && !grant.AccessToken.IsAbsent() {
			return machine.Issued{Response: grant}
		}
		if unavailable.Kept = said.kept(r.spent); !unavailable.Kept.RefreshToken.IsAbsent() {
			return unavailable
		}
		if said.code() != "" {
			answeredAs = http.StatusBadRequest // GitHub and Slack answer every refusal with 200
		}
	}
	for _, each := range refusals {
		if each.covers(answeredAs, said.code()) && unavailable.Evidence.Problem != evidence.ProblemPage {
			return machine.Refused{Reason: each.reason, Evidence: unavailable.Evidence}
		}
	}
	unavailable.Lost = r.lost()
	return unavailable
}

// refusal is one way of saying that a refresh token will not work again.
type refusal struct {
	status int
	code   string // as the issuer says it, in lower case
	reason history.Reason
}

const (
	anyStatus = 0
	anyCode   = ""
)

// refusals are all the verdicts there are; the first one that covers an answer
// counts. A row has its status, for one code means this at one status and that at
// another (RFC 6749 section 5.2 gives 400, and 401 for the client).
//
// What is left out, and why:
//   - 429, 500 and other 5xx with invalid_grant come from issuers that are out of
//     order: the codes of the reference's issuer alone count there, as in the
//     reference.
//   - 400 invalid_request is the answer to a request that is not understood, and
//     dead tokens are called so by Dex and FlowFuse alone: a verdict on it would
//     end the logins of all who meet a wrong address. It is told, and waits.
//   - invalid_client, unauthorized_client, unsupported_grant_type and
//     invalid_scope are about the client, not about the token. At 401 the rule for
//     every 401 applies.
//   - 403, 404 and 410 without a code may be of a wall or of a wrong address.
var refusals = []refusal{
	{anyStatus, "refresh_token_expired", history.ReasonExpired},
	{anyStatus, "refresh_token_reused", history.ReasonReused},
	{anyStatus, "refresh_token_invalidated", history.ReasonRevoked},
	{http.StatusBadRequest, "invalid_grant", history.ReasonInvalidGrant},           // RFC 6749 section 5.2
	{http.StatusBadRequest, "bad_refresh_token", history.ReasonInvalidGrant},       // GitHub, with 200
	{http.StatusBadRequest, "invalid_refresh_token", history.ReasonInvalidGrant},   // Slack, with 200: it can mean nothing else
	{http.StatusForbidden, "invalid_grant", history.ReasonInvalidGrant},            // Atlassian
	{http.StatusForbidden, "invalid_refresh_token", history.ReasonInvalidGrant},    // the same word
	{http.StatusUnauthorized, "invalid_grant", history.ReasonInvalidGrant},         // the token, not the client
	{http.StatusUnauthorized, "bad_refresh_token", history.ReasonInvalidGrant},     // likewise
	{http.StatusUnauthorized, "invalid_refresh_token", history.ReasonInvalidGrant}, // likewise
	// Any other 401 is a verdict, as in the reference: without a code, or with one
	// that is not about the token. It is no evidence for other processes, and its
	// reason says so. A page is none at all: the issuer did not write it.
	{http.StatusUnauthorized, anyCode, history.ReasonUnexplained},
}

func (r refusal) covers(status int, code string) bool {
	return (r.status == anyStatus || r.status == status) && (r.code == anyCode || r.code == code)
}

// lost reports whether there may have been a grant behind an answer that holds
// none: a success that cannot be read, or a gateway that speaks for an issuer it
// did not hear from. Any other status is the issuer's own, and says that nothing
// was done; so does a success that can be read, and a page of somebody in between,
// who answers instead of asking.
func (r reply) lost() bool {
	if !r.ok() {
		return r.status == http.StatusBadGateway || r.status == http.StatusGatewayTimeout
	}
	said := r.said()
	return said == nil && !outbound.IsPage(r.header, r.body) || said.garbled()
}

// retryAfter reads the field of RFC 9110 section 10.2.3 in both its forms; what
// is neither, or past, is zero. A date is compared with the issuer's own clock
// if it tells the time, for now may be of a clock that is wrong.
func retryAfter(header http.Header, now time.Time) time.Duration {
	value := header.Get("Retry-After")
	const longest = math.MaxInt64 / uint64(time.Second)
	seconds, err := strconv.ParseUint(value, 10, 64)
	if err == nil || errors.Is(err, strconv.ErrRange) { // out of range gives the largest number
		return time.Duration(min(seconds, longest)) * time.Second
	}
	date, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	if issuerNow, err := http.ParseTime(header.Get("Date")); err == nil {
		now = issuerNow
	}
	return max(0, date.Sub(now))
}

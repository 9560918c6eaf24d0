package oauth

import (
	"errors"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/bezoar-auth/bezoar/machine/endpoint"
	"github.com/bezoar-auth/bezoar/machine/evidence"
	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/protocol/outbound"
)

// classify says what an answer of a token endpoint to a refresh means: a token response
// (RFC 6749 section 5.1), a refusal (section 5.2), or neither. It knows the
// dialects of Codex's issuer and of issuers that answer errors with 200. It is pure, and
// the only place that decides whether an answer ends a refresh token.
//
// A 2xx with a usable access token is a token response ([endpoint.Issued]), unless it says
// that it is an error. What refusals lists is a refusal ([endpoint.Refused]), on which the
// engine records a verdict. Everything else is temporary ([endpoint.Unavailable]); a
// refresh token that came with it is kept. The body may be truncated: a token response
// that can be read counts.
func (r reply) classify(now time.Time) endpoint.Answer {
	m, answeredAs := r.members(), r.status
	unavailable := endpoint.Unavailable{RetryAfter: retryAfter(r.header, now), Evidence: r.evidence()}
	if r.ok() {
		response := m.tokenResponse()
		if !m.saysError() && !response.AccessToken.IsAbsent() {
			return endpoint.Issued{Response: response}
		}
		if unavailable.RefreshTokenOnly = m.refreshTokenOnly(r.spent); !unavailable.RefreshTokenOnly.RefreshToken.IsAbsent() {
			return unavailable
		}
		if m.code() != "" {
			answeredAs = http.StatusBadRequest // GitHub and Slack answer every refusal with 200
		}
	}
	for _, each := range refusals {
		if each.covers(answeredAs, m.code()) && unavailable.Evidence.Problem != evidence.ProblemPage {
			return endpoint.Refused{Reason: each.reason, Evidence: unavailable.Evidence}
		}
	}
	unavailable.Lost = r.lost()
	return unavailable
}

// refusal is an error response after which this process posts the refresh token no more.
type refusal struct {
	status int
	code   string // as the issuer says it, in lower case
	reason history.Reason
}

const (
	anyStatus = 0
	anyCode   = ""
)

// refusals lists the answers after which this process posts the refresh token no more.
// All rows but the last refuse it for good, for every process; see
// [history.Reason.IsExplained]. The first row that covers an answer counts. Each row has a status, for a code can mean different things
// at different statuses (RFC 6749 section 5.2: 400, and 401 for the client).
//
// The codes of Codex's own issuer count at any status, also at those of a gateway (502,
// 503, 504), as in Codex: no gateway knows them. One that has put its status over the
// issuer's body hands a verdict on; to post that token again is what the issuer punishes.
// A broken gateway answers with a page, which never counts, or in words of its own.
//
// What is left out, and why:
//   - 429, 500 and other 5xx with invalid_grant come from issuers that are out of
//     order. As in Codex, only the codes of its own issuer count there.
//   - 400 invalid_request is the answer to a request that the server does not
//     understand, and only Dex and FlowFuse mean a dead token by it: a verdict on it
//     would end every login behind a wrong address. The user sees it, and bezoar waits.
//   - invalid_client, unauthorized_client, unsupported_grant_type and invalid_scope
//     are about the client, not about the token. At 401 the rule for every 401 applies.
//   - 403, 404 and 410 without a code may be those of a firewall or a wrong address.
var refusals = []refusal{
	{anyStatus, "refresh_token_expired", history.ReasonExpired},
	{anyStatus, "refresh_token_reused", history.ReasonReused},
	{anyStatus, "refresh_token_invalidated", history.ReasonRevoked},
	{http.StatusBadRequest, "invalid_grant", history.ReasonInvalidGrant},           // RFC 6749 section 5.2
	{http.StatusBadRequest, "bad_refresh_token", history.ReasonInvalidGrant},       // GitHub, with 200
	{http.StatusBadRequest, "invalid_refresh_token", history.ReasonInvalidGrant},   // Slack, with 200: it can mean nothing else
	{http.StatusForbidden, "invalid_grant", history.ReasonInvalidGrant},            // Atlassian
	{http.StatusForbidden, "invalid_refresh_token", history.ReasonInvalidGrant},    // as Atlassian
	{http.StatusUnauthorized, "invalid_grant", history.ReasonInvalidGrant},         // the token, not the client
	{http.StatusUnauthorized, "bad_refresh_token", history.ReasonInvalidGrant},     // likewise
	{http.StatusUnauthorized, "invalid_refresh_token", history.ReasonInvalidGrant}, // likewise
	// Any other 401 is a refusal, as in Codex: without a code, or with one that is not
	// about the token. Other processes do not act on it, and its reason says so. An
	// HTML page is none at all: the issuer did not write it.
	{http.StatusUnauthorized, anyCode, history.ReasonUnexplained},
}

func (r refusal) covers(status int, code string) bool {
	return (r.status == anyStatus || r.status == status) && (r.code == anyCode || r.code == code)
}

// lost reports whether a token response may have been lost behind an answer that has
// none: a success that cannot be read, or a gateway that got no answer of the issuer.
// Any other status is the issuer's own, and says that nothing was issued; so does a
// success that can be read, and a page of a portal, which did not ask the issuer.
func (r reply) lost() bool {
	if !r.ok() {
		return r.status == http.StatusBadGateway || r.status == http.StatusGatewayTimeout
	}
	m := r.members()
	return m == nil && !outbound.IsPage(r.header, r.body) || m.garbled()
}

// retryAfter reads the Retry-After header in both its forms (RFC 9110 section 10.2.3);
// it is zero for anything else and for a time in the past. A date is compared with the
// issuer's own clock, if the answer has a Date, for ours may be wrong.
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

package oauth

import (
	"errors"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/bezoar-auth/bezoar/machine/endpoint"
	"github.com/bezoar-auth/bezoar/protocol/outbound"
	"github.com/bezoar-auth/bezoar/protocol/profile"
)

// classify says what an answer of a token endpoint to a refresh means: a token response
// (RFC 6749 section 5.1), a refusal (section 5.2), or neither. It reads the rows of a
// profile. It is pure, and the only place that decides whether an answer ends a refresh
// token.
//
// A 2xx with a usable access token is a token response ([endpoint.Issued]), unless it says
// that it is an error. What the rows call refused is a refusal ([endpoint.Refused]), on
// which the engine records a verdict. What they call the client's fault
// ([endpoint.Misconfigured]), or a matter for a person ([endpoint.LoginNeeded]), is none.
// Everything else is temporary ([endpoint.Unavailable]); a refresh token that came with it is
// kept. The body may be
// truncated: a token response that can be read counts.
func (r reply) classify(means profile.Answers, now time.Time) endpoint.Answer {
	m := r.members()
	judged := r.judge(m, means)
	if judged.Meaning == profile.Granted {
		return endpoint.Issued{Response: m.tokenResponse()}
	}
	unavailable := endpoint.Unavailable{RetryAfter: retryAfter(r.header, now), Evidence: r.evidence(m, r.code(m, means.ErrorPointer))}
	if r.ok() {
		if unavailable.RefreshTokenOnly = m.refreshTokenOnly(r.spent); !unavailable.RefreshTokenOnly.RefreshToken.IsAbsent() {
			return unavailable
		}
	}
	switch judged.Meaning {
	case profile.Refused:
		return endpoint.Refused{Reason: judged.Reason, Evidence: unavailable.Evidence}
	case profile.Misconfigured:
		return endpoint.Misconfigured{Evidence: unavailable.Evidence, Unexplained: judged.Unexplained}
	case profile.LoginNeeded:
		return endpoint.LoginNeeded{Evidence: unavailable.Evidence}
	}
	unavailable.Lost = r.lost()
	return unavailable
}

// judge is what an answer with these members means at an issuer.
func (r reply) judge(m members, means profile.Answers) profile.Judgement {
	return means.Judge(profile.Answer{
		Status: r.status, Code: r.code(m, means.ErrorPointer), IsPage: r.isPage(),
		Grants: r.ok() && !m.saysError() && !m.accessToken().IsAbsent(),
	})
}

// code is the error code, in lower case: at the pointer, if the issuer has it in no usual
// place, or else in one of these.
func (r reply) code(m members, pointer string) string {
	if pointer != "" {
		if code, ok := profile.Lookup([]byte(outbound.Text(r.body)), pointer); ok {
			return strings.ToLower(code)
		}
	}
	return m.code()
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

package oauth

import (
	"errors"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/bezoar-auth/bezoar/machine"
)

// Classify says what a token endpoint's answer to a refresh means (RFC 6749
// sections 5.1 and 5.2, in the dialects of the reference's issuer and of
// GitHub). It is pure, and the only place that knows statuses and error codes.
//
// A 2xx with a JSON object is a grant, with as many tokens as it holds. Of the
// rest, what refusals lists is a verdict. Everything else is not, whatever it
// says. body may be cut short: a grant that can be read is a grant.
func Classify(status int, header http.Header, body []byte, now time.Time) machine.Answer {
	said := decode(body)
	code := strings.ToLower(said.code())
	answeredAs, evidence := status, machine.Evidence{Status: status, Code: machine.CleanCode(code)}
	if status/100 == 2 {
		if grant, ok := said.grant(); ok {
			return machine.Granted{Grant: grant}
		}
		if code != "" {
			answeredAs = http.StatusBadRequest // GitHub answers every refusal with 200
		}
	}
	for _, each := range refusals {
		if each.covers(answeredAs, code) {
			return machine.Refused{Reason: each.reason, Evidence: evidence}
		}
	}
	return machine.Unavailable{RetryAfter: retryAfter(header, now), Lost: isLost(answeredAs), Evidence: evidence}
}

// refusal is one way of saying that a refresh token will not work again.
type refusal struct {
	status int
	code   string // as the issuer says it, in lower case
	reason machine.Reason
}

const (
	anyStatus = 0
	anyCode   = ""
)

// refusals are all the verdicts there are; the first one that covers an answer
// counts. A 401 is a verdict whatever it says, as in the reference. One without
// a code that is about the token (invalid_client, a proxy's page, nothing at
// all) is no evidence for other processes, and its reason says so. The standard
// invalid_grant counts at the status the standard gives it: elsewhere (429,
// 500) it has come from issuers that were out of order.
var refusals = []refusal{
	{anyStatus, "refresh_token_expired", machine.ReasonExpired},
	{anyStatus, "refresh_token_reused", machine.ReasonReused},
	{anyStatus, "refresh_token_invalidated", machine.ReasonRevoked},
	{http.StatusBadRequest, "invalid_grant", machine.ReasonInvalidGrant},
	{http.StatusBadRequest, "bad_refresh_token", machine.ReasonInvalidGrant}, // GitHub
	{http.StatusUnauthorized, "invalid_grant", machine.ReasonInvalidGrant},
	{http.StatusUnauthorized, "bad_refresh_token", machine.ReasonInvalidGrant},
	{http.StatusUnauthorized, anyCode, machine.ReasonUnexplained},
}

func (r refusal) covers(status int, code string) bool {
	return (r.status == anyStatus || r.status == status) && (r.code == anyCode || r.code == code)
}

// isLost reports whether there may have been a grant behind an answer that holds
// none: a success that cannot be read, or a gateway that speaks for an issuer it
// did not hear from. Any other status is the issuer's own, and says that nothing
// was done.
func isLost(status int) bool {
	return status/100 == 2 || status == http.StatusBadGateway || status == http.StatusGatewayTimeout
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

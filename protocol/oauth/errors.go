package oauth

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/bezoar-auth/bezoar/machine/evidence"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/protocol/legible"
)

// UnreachableError reports that an issuer gave no answer. It says nothing about
// any token: try again later, or tell the operator what Problem says.
type UnreachableError struct {
	Problem evidence.Problem
	Sent    bool // the request may have reached the issuer
}

func (e *UnreachableError) Error() string { return "the issuer gave no answer: " + e.Problem.Error() }

// StatusError reports that an issuer refused a call of a login or a logout. Its
// text is the reference's.
type StatusError struct {
	Call   string // what was refused, in words that the status follows
	Status int    // of HTTP
	Detail string // what the issuer says of it, bounded and without what was sent; "" if it was not asked
}

func (e *StatusError) Error() string {
	text := fmt.Sprintf("%s %d %s", e.Call, e.Status, cmp.Or(http.StatusText(e.Status), "<unknown status code>"))
	if e.Detail != "" {
		text += ": " + e.Detail
	}
	return text
}

// MayTryAgain reports whether a call that ended in err was surely not carried out,
// and not refused either: it was never sent, somebody in between answered in place
// of the issuer, or that wants to be left alone for a while.
func MayTryAgain(err error) bool {
	if unreachable, ok := errors.AsType[*UnreachableError](err); ok {
		return !unreachable.Sent && !unreachable.Problem.NeedsOperator() && unreachable.Problem != evidence.ProblemCancelled
	}
	status, ok := errors.AsType[*StatusError](err)
	return ok && (status.Status == http.StatusTooManyRequests || status.Status == http.StatusServiceUnavailable)
}

// ErrUnreadable reports a successful answer without what was asked for. Start
// the login again; it is the issuer's fault if that does not help.
var ErrUnreadable = errors.New("the issuer's answer cannot be read")

const (
	detailLimitRunes    = 500
	shortestSecretBytes = 8 // a shorter one is a test's, and its letters are in every word
)

// cleaned is an issuer's text as it may be shown: of bounded length, on one
// line, and without the secrets it may repeat.
func cleaned(text string, secrets ...secret.Token) string {
	for _, each := range secrets {
		if len(each.Reveal()) >= shortestSecretBytes {
			text = strings.ReplaceAll(text, each.Reveal(), each.String())
		}
	}
	return legible.Brief(text, detailLimitRunes)
}

package oauth

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strings"

	"github.com/bezoar-auth/bezoar/machine/evidence"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/protocol/legible"
	"github.com/bezoar-auth/bezoar/protocol/outbound"
)

// reply is an HTTP answer of an issuer, or of a gateway or portal in its place.
type reply struct {
	status int
	header http.Header
	body   []byte           // as much of it as could be read, decompressed
	cut    evidence.Problem // why the body is incomplete; "" if it is complete, or longer than the limit
	spent  secret.Token     // the refresh token that was sent, which an answer may repeat
	proof  secret.Token     // the secret of the client, likewise
}

func (r reply) ok() bool { return r.status/100 == 2 }

// members are the members of the answer, whose body is JSON or a form.
func (r reply) members() members { return decode(r.header, r.body) }

// evidence describes an answer that has no tokens, for the user and the ledger, without the
// secrets that were sent. m are its members, and code is the error code in it, see [reply.code].
func (r reply) evidence(m members, code string) evidence.Evidence {
	found := evidence.Evidence{Status: r.status, Code: evidence.CleanCode(code)}
	switch {
	case r.status == http.StatusProxyAuthRequired:
		found.Problem = evidence.ProblemProxyRefused
	case r.isPage():
		found.Problem = evidence.ProblemPage
	case !r.ok() || found.Code != "":
		// The status and the code say it.
	case m == nil && r.cut != "":
		found.Problem = r.cut
	case m == nil:
		found.Problem = evidence.ProblemUnreadable
	default:
		found.Problem = evidence.ProblemNoToken
	}
	return withoutEcho(found, r.spent, r.proof)
}

// withoutEcho removes an error code that is a part of a secret that was sent: an
// issuer may repeat it anywhere.
func withoutEcho(evidence evidence.Evidence, sent ...secret.Token) evidence.Evidence {
	for _, each := range sent {
		if len(evidence.Code) >= shortestSecretBytes && strings.Contains(strings.ToLower(each.Reveal()), strings.ToLower(evidence.Code)) {
			evidence.Code = ""
		}
	}
	return evidence
}

// refused reports whether the issuer itself refused. A gateway, a portal, a rate limit
// or an issuer that is out of order refuses nothing.
func (r reply) refused() bool {
	switch r.status {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests, http.StatusProxyAuthRequired:
		return false
	}
	fromIssuer := r.status/100 == 4 || r.ok() && r.members().saysError()
	return fromIssuer && !r.isPage()
}

// unreadableError is the error of a successful answer without the requested members.
func (r reply) unreadableError() error {
	if r.cut != "" {
		return &UnreachableError{Problem: r.cut, Sent: true}
	}
	if r.isPage() {
		return r.pageError()
	}
	return ErrUnreadable
}

// pageError is the error of an HTML page in place of the issuer's answer. A page with 502 or
// 504 is that of a gateway, which did send the request on.
func (r reply) pageError() *UnreachableError {
	return &UnreachableError{Problem: evidence.ProblemPage, Sent: r.lost()}
}

// isPage reports whether the answer is an HTML page, which no issuer sends here.
func (r reply) isPage() bool { return r.members() == nil && outbound.IsPage(r.header, r.body) }

// detail is the issuer's explanation of a refusal, for the user: its description, its
// message, its code, or else the body, unless that has members: one may be a token.
func (r reply) detail() string {
	m := r.members()
	page := string(r.body)
	if m != nil {
		page = ""
	}
	description, _ := m.text("error_description")
	message, _ := m.object("error").text("message")
	for _, candidate := range []string{description, message, m.code(), page} {
		if candidate = strings.TrimSpace(candidate); candidate != "" {
			return candidate
		}
	}
	return "unknown error"
}

// decode reads the members of a body: a JSON object or, as GitHub answers a request that
// does not ask for JSON, a form. It is nil for anything else.
func decode(header http.Header, body []byte) members {
	text := outbound.Text(body)
	if m := decodeObject([]byte(text)); m != nil {
		return m
	}
	switch contentType, _, _ := mime.ParseMediaType(header.Get("Content-Type")); contentType {
	case "application/x-www-form-urlencoded", "text/plain", "":
		if m := decodeForm(text); m != nil {
			return m
		}
	}
	return decodeCut([]byte(text))
}

// decodeObject is nil if the text is no JSON object.
func decodeObject(text []byte) members {
	if !json.Valid(text) {
		return nil
	}
	m, _ := decodeWhole(text)
	return m
}

// decodeCut reads what came of an object before it was cut off, or before something
// follows that does not belong there. It is nil without a refresh token that came whole,
// the only thing that cannot be had again. Of an object that was cut off all three tokens
// must have come: what is stored is one login, and never the tokens of two answers.
func decodeCut(text []byte) members {
	m, closed := decodeWhole(text)
	wanted := []string{"refresh_token"}
	if !closed {
		wanted = []string{"refresh_token", "access_token", "id_token"}
	}
	for _, name := range wanted {
		if m.token(name).IsAbsent() {
			return nil
		}
	}
	return m
}

// decodeWhole reads the members of an object that came whole, as far as the text is
// JSON, and whether its end came; it is nil if the text begins otherwise.
func decodeWhole(text []byte) (m members, closed bool) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	if opening, err := decoder.Token(); err != nil || opening != json.Delim('{') {
		return nil, false
	}
	m = members{}
	for decoder.More() {
		name, err := decoder.Token()
		var value json.RawMessage
		if err != nil || decoder.Decode(&value) != nil {
			break
		}
		if cut := int(decoder.InputOffset()) == len(text) && value[0] != '"'; cut {
			break // 36 may be the beginning of 3600
		}
		m.add(name.(string), value)
	}
	closing, _ := decoder.Token()
	return m, closing == json.Delim('}')
}

// UnreachableError reports that an issuer gave no answer. It says nothing about the
// token: try again later, or show Problem to the operator.
type UnreachableError struct {
	Problem evidence.Problem
	Sent    bool // the request may have reached the issuer
}

func (e *UnreachableError) Error() string { return "the issuer gave no answer: " + e.Problem.Error() }

// StatusError reports that an issuer refused a call of a login or a logout, in the
// words of Codex.
type StatusError struct {
	Call   string // the refused call; the status follows it in the text
	Status int    // HTTP status
	Detail string // the issuer's explanation, bounded and without the secrets of the request; "" for none
}

func (e *StatusError) Error() string {
	text := fmt.Sprintf("%s %d %s", e.Call, e.Status, cmp.Or(http.StatusText(e.Status), "<unknown status code>"))
	if e.Detail != "" {
		text += ": " + e.Detail
	}
	return text
}

// MayTryAgain reports whether a call that ended in err was certainly neither carried
// out nor refused: it was never sent, a portal answered in place of the issuer, or the
// issuer is overloaded (429, 503).
func MayTryAgain(err error) bool {
	if unreachable, ok := errors.AsType[*UnreachableError](err); ok {
		return !unreachable.Sent && !unreachable.Problem.NeedsOperator() && unreachable.Problem != evidence.ProblemCancelled
	}
	status, ok := errors.AsType[*StatusError](err)
	return ok && (status.Status == http.StatusTooManyRequests || status.Status == http.StatusServiceUnavailable)
}

// ErrUnreadable reports a successful answer without the requested members. Start the
// login again; if that does not help, the issuer is at fault.
var ErrUnreadable = errors.New("the issuer's answer cannot be read")

// shortestSecretBytes is the length of the shortest secret that is looked for: a shorter
// one occurs in tests only, and its letters in every text.
const shortestSecretBytes = 8

// cleaned is an issuer's text as it may be shown: without the secrets that it may
// repeat, bounded and on one line.
func cleaned(text string, secrets ...secret.Token) string {
	for _, each := range secrets {
		if len(each.Reveal()) >= shortestSecretBytes {
			text = strings.ReplaceAll(text, each.Reveal(), each.String())
		}
	}
	return legible.Brief(text)
}

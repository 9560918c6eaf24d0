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

// reply is what an issuer answered, or what answered in its place.
type reply struct {
	status int
	header http.Header
	body   []byte           // as much of it as could be read, decompressed
	cut    evidence.Problem // why that is not all of it; "" if it is, or was longer than the limit
	spent  secret.Token     // the refresh token that was sent, which an answer may repeat
}

func (r reply) ok() bool { return r.status/100 == 2 }

// said are the members of the answer, which its body has as JSON or as a form.
func (r reply) said() members { return decode(r.header, r.body) }

// evidence is what the answer amounts to where it is not what was asked for.
func (r reply) evidence() evidence.Evidence {
	said := r.said()
	found := evidence.Evidence{Status: r.status, Code: evidence.CleanCode(said.code())}
	switch {
	case r.status == http.StatusProxyAuthRequired:
		found.Problem = evidence.ProblemProxyRefused
	case r.isPage():
		found.Problem = evidence.ProblemPage
	case !r.ok() || found.Code != "":
		// The status and the code say it.
	case said == nil && r.cut != "":
		found.Problem = r.cut
	case said == nil:
		found.Problem = evidence.ProblemUnreadable
	default:
		found.Problem = evidence.ProblemNoToken
	}
	return found
}

// refused reports whether the issuer itself refused. What a gateway, a portal or
// a limit says in its place, and an issuer that is out of order, refuse nothing.
func (r reply) refused() bool {
	switch r.status {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests, http.StatusProxyAuthRequired:
		return false
	}
	fromIssuer := r.status/100 == 4 || r.ok() && r.said().saysError()
	return fromIssuer && !r.isPage()
}

// unreadable is the error for a successful answer that lacks what was asked for.
func (r reply) unreadable() error {
	if r.cut != "" {
		return &UnreachableError{Problem: r.cut, Sent: true}
	}
	if r.isPage() {
		return r.page()
	}
	return ErrUnreadable
}

// page is the error for a page in place of the issuer's answer. Behind one at 502 or
// 504 is a gateway that did ask.
func (r reply) page() *UnreachableError {
	return &UnreachableError{Problem: evidence.ProblemPage, Sent: r.lost()}
}

// isPage reports whether the answer is somebody else's than the issuer's.
func (r reply) isPage() bool { return r.said() == nil && outbound.IsPage(r.header, r.body) }

// detail is what an issuer says of its refusal, for a person: its description,
// its message, its code, or else what it sent, unless that is an object: it may
// hold anything, tokens too.
func (r reply) detail() string {
	said := r.said()
	page := string(r.body)
	if said != nil {
		page = ""
	}
	description, _ := said.text("error_description")
	message, _ := said.object("error").text("message")
	for _, candidate := range []string{description, message, said.code(), page} {
		if candidate = strings.TrimSpace(candidate); candidate != "" {
			return candidate
		}
	}
	return "unknown error"
}

// decode reads the members of a body: a JSON object or, as GitHub answers who does
// not ask for JSON, a form. It is nil for anything else.
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
			break // 36 of 3600
		}
		m.add(name.(string), value)
	}
	closing, _ := decoder.Token()
	return m, closing == json.Delim('}')
}

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

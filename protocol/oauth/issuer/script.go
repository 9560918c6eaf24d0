package issuer

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"net/http"
	"time"
)

// Call is the kind of a request, by which scripts and records name it.
type Call string

// The calls.
const (
	Refresh       Call = "refresh"
	Exchange      Call = "exchange of a code"
	KeyExchange   Call = "exchange for an API key"
	OtherGrant    Call = "unknown grant"
	Revoke        Call = "revocation"
	Authorize     Call = "authorization page"
	Consent       Call = "consent"
	UserCode      Call = "device user code"
	DevicePoll    Call = "device poll"
	DevicePage    Call = "device page"
	DeviceConsent Call = "device consent"
)

func callOf(grantType string) Call {
	switch grantType {
	case grantRefresh:
		return Refresh
	case grantCode:
		return Exchange
	case grantTokenExchange:
		return KeyExchange
	}
	return OtherGrant
}

// Step says how one request is answered. The zero Step is the issuer's own answer.
type Step struct {
	// Status, if not 0, and Header and Body replace the issuer's own answer. It
	// then does no work (no token is spent) unless Work is set.
	Status int
	Header http.Header
	Body   string
	Work   bool

	Before Pause // before the work
	After  Pause // after the work and before the answer
	Drop   Drop
}

// Pause is a wait: for some time, then until a channel is closed. If the client gives up,
// the pause and the request end.
type Pause struct {
	For   time.Duration
	Until <-chan struct{}
}

// Drop is the place where a connection breaks.
type Drop int

// The places.
const (
	DropNothing Drop = iota
	DropRequest      // before the work: the token is not spent
	DropAnswer       // after the work: the token is spent, and its successor is lost
	DropHalf         // in the middle of the answer's body
)

// Script adds steps for the next requests of a kind, one each, behind those that were
// scripted before.
func (i *Issuer) Script(call Call, steps ...Step) {
	i.mu.Lock()
	defer i.mu.Unlock()
	line := i.script.of(call)
	line.next = append(line.next, steps...)
}

// Always sets the step of every request of a kind for which none is scripted. The zero Step
// ends it.
func (i *Issuer) Always(call Call, step Step) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.script.of(call).always = step
}

// script has the steps to come, by call.
type script map[Call]*line

type line struct {
	next   []Step
	always Step
}

func (s script) of(call Call) *line {
	if s[call] == nil {
		s[call] = &line{}
	}
	return s[call]
}

func (s script) next(call Call) Step {
	line := s.of(call)
	if len(line.next) == 0 {
		return line.always
	}
	step := line.next[0]
	line.next = line.next[1:]
	return step
}

// wait reports whether the pause came to its end.
func (p Pause) wait(ctx context.Context) bool {
	if p.For > 0 {
		timer := time.NewTimer(p.For)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
	}
	if p.Until != nil {
		select {
		case <-p.Until:
		case <-ctx.Done():
		}
	}
	return ctx.Err() == nil
}

// Misbehaviours are answers of token endpoints, and of what stands before them, that
// were met in the world, by name: for a script of refreshes. Each comes in place of
// the issuer's own answer, and no token is spent.
func Misbehaviours() map[string]Step {
	return map[string]Step{
		"an error text as access token":        {Status: 200, Body: `{"access_token":"error: token is expired by 23m58s","refresh_token":"","expires_in":0}`},
		"an empty object":                      {Status: 200, Body: `{}`},
		"success:false":                        {Status: 200, Body: `{"success":false,"message":"token expired"}`},
		"Slack out of order":                   {Status: 200, Body: `{"ok":false,"error":"internal_error"}`},
		"Slack's refusal":                      {Status: 200, Body: `{"ok":false,"error":"invalid_refresh_token"}`},
		"GitHub's refusal":                     {Status: 200, Body: `{"error":"bad_refresh_token","error_description":"x"}`},
		"GitHub's refusal as a form":           {Status: 200, Header: formType, Body: `error=bad_refresh_token&error_description=x`},
		"Atlassian's refusal":                  {Status: 403, Body: `{"error":"invalid_grant","error_description":"Unknown or invalid refresh token."}`},
		"Dex's refusal":                        {Status: 400, Body: `{"error":"invalid_request","error_description":"Refresh token is invalid."}`},
		"a wrong client":                       {Status: 400, Body: `{"error":"invalid_client"}`},
		"a race in Hydra":                      {Status: 500, Body: `{"error":"server_error"}`},
		"gone":                                 {Status: 410},
		"a portal":                             {Status: 200, Header: pageType, Body: "<html>Log in to the network</html>"},
		"a portal's 401":                       {Status: 401, Header: pageType, Body: "<html>Log in to the network</html>"},
		"a gateway's page":                     {Status: 502, Header: pageType, Body: "<html>Bad Gateway</html>"},
		"a refusal with a BOM":                 {Status: 400, Body: "\uFEFF" + `{"error":"invalid_grant"}`},
		"a refusal in gzip":                    {Status: 400, Header: gzipCoding, Body: zipped(`{"error":{"code":"refresh_token_reused"}}`)},
		"a refusal in gzip without the header": {Status: 400, Body: zipped(`{"error":{"code":"refresh_token_reused"}}`)},
	}
}

var (
	formType   = http.Header{"Content-Type": {"application/x-www-form-urlencoded; charset=utf-8"}}
	pageType   = http.Header{"Content-Type": {"text/html"}}
	gzipCoding = http.Header{"Content-Type": {"application/json"}, "Content-Encoding": {"GZip"}}
)

func zipped(text string) string {
	var packed bytes.Buffer
	writer := gzip.NewWriter(&packed)
	io.WriteString(writer, text) // to memory
	writer.Close()
	return packed.String()
}

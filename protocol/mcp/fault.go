package mcp

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/bezoar-auth/bezoar/protocol/jsonrpc"
	"github.com/bezoar-auth/bezoar/protocol/legible"
	"github.com/bezoar-auth/bezoar/protocol/outbound"
)

// codeProxy is the code of every error that the proxy itself answers with: one of those that
// JSON-RPC leaves to servers (section 5.1) and MCP to none of its own.
const codeProxy = -32000

// The reasons of a fault, for programs: the member reason of the error's data.
const (
	reasonLogin     = "login"     // there is no token that could be sent
	reasonToken     = "token"     // the server refuses every token of this login
	reasonScope     = "scope"     // the login may not do this
	reasonForbidden = "forbidden" // nor is it said what it lacks
	reasonServer    = "server"    // the server answers with something that is no answer
	reasonNetwork   = "network"   // the server could not be asked
	reasonLost      = "lost"      // the server was asked, and its answer did not come
	reasonSession   = "session"   // the server has ended the session, and begins no other one
)

// fault is why a message has no answer, in words for the user of the client. It holds no
// token, and nothing of a body but the server's own error.
type fault struct {
	Reason string `json:"reason"`
	Status int    `json:"status,omitempty"` // of the answer of HTTP
	Scope  string `json:"scope,omitempty"`  // of reasonScope: what the server wants

	text string
	own  json.RawMessage // the server's error object, which counts more than text
}

// line answers a request with the fault.
func (f *fault) line(id jsonrpc.ID) []byte {
	content := f.own
	if content == nil {
		content, _ = jsonrpc.Encode(struct {
			Code    int    `json:"code"`
			Message string `json:"message"`
			Data    *fault `json:"data"`
		}{codeProxy, f.text, f}) // strings and numbers
	}
	return fmt.Appendf(nil, `{"jsonrpc":"2.0","id":%s,"error":%s}`, id, onOneLine(slices.Clone(content)))
}

func faultOf(reason, format string, values ...any) *fault {
	return &fault{Reason: reason, text: fmt.Sprintf(format, values...)}
}

// unauthorizedFault is a 401 to a token that the issuer has just given.
func unauthorizedFault(header http.Header) *fault {
	f := faultOf(reasonToken, "the server refuses the tokens of this login, also a new one%s: log in again, or ask who runs the server", said(header))
	f.Status = http.StatusUnauthorized
	return f
}

// forbiddenFault is a 403 (RFC 6750 section 3.1). next says how a login with a scope is made.
func forbiddenFault(header http.Header, next func(scope string) string) *fault {
	challenge := outbound.Bearer(header)
	if challenge.Params["error"] != "insufficient_scope" {
		f := faultOf(reasonForbidden, "the server does not let this login do that%s", said(header))
		f.Status = http.StatusForbidden
		return f
	}
	scope := legible.Brief(challenge.Params["scope"])
	wants := ""
	if scope != "" {
		wants = ": it wants the scope " + scope
	}
	f := faultOf(reasonScope, "the server does not let this login do that%s. Next: %s", wants, next(scope))
	f.Status, f.Scope = http.StatusForbidden, scope
	return f
}

// said is what a challenge says in words, in brackets.
func said(header http.Header) string {
	params := outbound.Bearer(header).Params
	words := strings.TrimSpace(legible.Brief(params["error"]) + " " + legible.Brief(params["error_description"]))
	if words == "" {
		return ""
	}
	return " (" + words + ")"
}

// redirectedFault names the host to which an answer leads, and nothing that stands behind it.
func redirectedFault(status int, from *url.URL, location string) *fault {
	to := "another address"
	if target, err := from.Parse(location); err == nil && target.Host != "" {
		to = legible.Brief(target.Scheme + "://" + target.Host)
	}
	f := faultOf(reasonServer, "the server leads to %s (status %d). The token goes to no other address: log in for that one if you trust it", to, status)
	f.Status = status
	return f
}

// refusedFault is another answer that is none. The body may be the server's own error.
func refusedFault(status int, header http.Header, body []byte) *fault {
	f := faultOf(reasonServer, "the server answers with status %d", status)
	f.Status = status
	if outbound.IsPage(header, body) {
		f.text = fmt.Sprintf("the server answers with a page (status %d)", status)
		return f
	}
	text := []byte(outbound.Text(body))
	if own := memberOf(text, "error"); json.Valid(text) && utf8.Valid(text) && len(own) > 0 && own[0] == '{' {
		f.own = own
	}
	return f
}

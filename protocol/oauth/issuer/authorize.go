package issuer

import (
	"bytes"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/bezoar-auth/bezoar/protocol/loopback"
)

// authorize is the authorization endpoint (RFC 6749 section 4.1.1), where the browser comes
// first.
func (i *Issuer) authorize(request parsedRequest) answer {
	if reply, ok := i.checkAuthorization(request); !ok {
		return reply
	}
	if i.options.AutoConsent {
		return i.consented(request, true)
	}
	return page(200, "consent", map[string]any{
		"Account": i.account, "Action": request.path + "?" + request.query.Encode(), "Asker": request.query.Get("originator"),
	})
}

// consent is the button on the page. The form repeats the request, which is checked again.
func (i *Issuer) consent(request parsedRequest) answer {
	if reply, ok := i.checkAuthorization(request); !ok {
		return reply
	}
	return i.consented(request, request.values["decision"] == "allow")
}

// checkAuthorization checks a request before the browser is redirected: an issuer must not
// redirect to an address that it does not know (RFC 9700 section 4.11).
func (i *Issuer) checkAuthorization(request parsedRequest) (answer, bool) {
	query := request.query
	switch {
	case query.Get("client_id") != i.options.ClientID:
		return failurePage("This program is not known here."), false
	case !loopbackURL(query.Get("redirect_uri")):
		return failurePage("This program wants to send you to a place where no program of yours can be."), false
	case query.Get("response_type") != "code":
		return i.sendBack(request, url.Values{"error": {"unsupported_response_type"}}), false
	case query.Get("code_challenge_method") != "S256" || query.Get("code_challenge") == "":
		return i.sendBack(request, url.Values{"error": {"invalid_request"}, "error_description": {"PKCE with S256 is required."}}), false
	}
	return answer{}, true
}

func (i *Issuer) consented(request parsedRequest, allowed bool) answer {
	wanted := request.query.Get("allowed_workspace_id")
	elsewhere := wanted != "" && !slices.Contains(strings.Split(wanted, ","), i.account.ID)
	switch {
	case !allowed:
		return i.sendBack(request, url.Values{"error": {"access_denied"}, "error_description": {"The login was refused."}})
	case elsewhere:
		return i.sendBack(request, url.Values{"error": {"access_denied"}, "error_description": {"No account in the workspace."}})
	}
	made := i.newCode(code{
		account: i.account, challenge: request.query.Get("code_challenge"), redirectURI: request.query.Get("redirect_uri"),
		scope: strings.Fields(request.query.Get("scope")), nonce: request.query.Get("nonce"),
	}, request.at)
	return i.sendBack(request, url.Values{"code": {made.Reveal()}})
}

// sendBack redirects the browser to the client (RFC 6749 section 4.1.2).
func (i *Issuer) sendBack(request parsedRequest, result url.Values) answer {
	target, _ := url.Parse(request.query.Get("redirect_uri")) // loopbackURL has parsed it
	query := target.Query()
	for name := range result {
		query.Set(name, result.Get(name))
	}
	if dialect := i.options.Dialect; dialect != nil && dialect.name() != "" {
		query.Set("iss", dialect.name()) // RFC 9207 section 2
	}
	if request.query.Has("state") {
		query.Set("state", request.query.Get("state"))
	}
	target.RawQuery = query.Encode()
	header := http.Header{"Location": {target.String()}, "Cache-Control": {"no-store"}, "Referrer-Policy": {"no-referrer"}}
	return answer{status: http.StatusSeeOther, header: header}
}

// loopbackURL reports whether an address is that of a program on the same machine (RFC 8252
// section 7.3).
func loopbackURL(address string) bool {
	target, err := url.Parse(address)
	if err != nil || target.Scheme != "http" || target.User != nil {
		return false
	}
	return loopback.Host(target.Hostname())
}

// page is an answer for a person.
func page(status int, name string, data any) answer {
	var body bytes.Buffer
	if err := pages().ExecuteTemplate(&body, name, data); err != nil {
		panic("issuer: a page that cannot be made: " + err.Error()) // every page is made in a test
	}
	header := http.Header{
		"Content-Type":            {"text/html; charset=utf-8"},
		"Content-Security-Policy": {"default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"},
		"Cache-Control":           {"no-store"},
	}
	return answer{status, header, body.Bytes()}
}

func failurePage(reason string) answer { return page(http.StatusBadRequest, "failure", reason) }

// pages are made when one is first needed: a program that has this package
// linked in must not pay for it at its start.
var pages = sync.OnceValue(func() *template.Template { return template.Must(template.New("").Parse(pagesText)) })

const pagesText = `
{{define "top"}}<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">
<title>Demo issuer</title>
<style>
 :root { color-scheme: light dark; --text: #222; --ground: #fafafa; --card: #fff; --line: #888; --quiet: #666; --good: #1a6b3c; --on-good: #fff }
 @media (prefers-color-scheme: dark) {
  :root { --text: #eceae5; --ground: #15171a; --card: #1f2226; --line: #7b818a; --quiet: #a3a8b0; --good: #6fd3a0; --on-good: #10241a }
 }
 body { font: 1.1rem/1.5 system-ui, sans-serif; max-width: 28rem; margin: 12vh auto; padding: 0 1rem; color: var(--text); background: var(--ground) }
 button, input { font: inherit; padding: .5rem 1.2rem; border-radius: .4rem; border: 1px solid var(--line); color: var(--text); background: var(--card) }
 button[value=allow] { background: var(--good); color: var(--on-good); border-color: var(--good) }
 small { color: var(--quiet) }
</style></head><body><h1>Demo issuer</h1>{{end}}

{{define "buttons"}}<p><button name="decision" value="allow">Allow</button> <button name="decision" value="deny">Deny</button></p>{{end}}

{{define "bottom"}}<p><small>This issuer is a part of bezoar. It checks no password and protects nothing.</small></p></body></html>{{end}}

{{define "consent"}}{{template "top"}}
<p>{{with .Asker}}<strong>{{.}}</strong>{{else}}A program{{end}} wants to log in as <strong>{{.Account.Email}}</strong>.</p>
<form method="post" action="{{.Action}}">{{template "buttons"}}</form>{{template "bottom"}}{{end}}

{{define "device"}}{{template "top"}}
<p>Log a device in as <strong>{{.Account.Email}}</strong>.</p>
<form method="post" action="/codex/device">
<p><label>Code <input name="user_code" autocomplete="off" autofocus required></label></p>{{template "buttons"}}</form>{{template "bottom"}}{{end}}

{{define "done"}}{{template "top"}}<p>Done. You can close this page.</p>{{template "bottom"}}{{end}}

{{define "failure"}}{{template "top"}}<p>{{.}}</p>{{template "bottom"}}{{end}}
`

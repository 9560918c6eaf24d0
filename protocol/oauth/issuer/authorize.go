package issuer

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/bezoar-auth/bezoar/protocol/loopback"
)

// authorize is where a browser comes first (RFC 6749 section 4.1.1).
func (i *Issuer) authorize(request asked) answer {
	if reply, ok := i.checkAuthorization(request); !ok {
		return reply
	}
	if i.options.AutoConsent {
		return i.consented(request, true)
	}
	return page(200, "consent", map[string]any{
		"Account": i.account, "Action": "/oauth/authorize?" + request.query.Encode(), "Asker": request.query.Get("originator"),
	})
}

// consent is the button on the page. The request comes with it once more, and
// is as little trusted as the first time.
func (i *Issuer) consent(request asked) answer {
	if reply, ok := i.checkAuthorization(request); !ok {
		return reply
	}
	return i.consented(request, request.values["decision"] == "allow")
}

// checkAuthorization looks at what must be right before a browser may be sent
// anywhere: an issuer that redirects where it is told is a weapon (RFC 9700
// section 4.11).
func (i *Issuer) checkAuthorization(request asked) (answer, bool) {
	query := request.query
	switch {
	case query.Get("client_id") != i.options.ClientID:
		return failurePage("This program is not known here."), false
	case !loopbackURL(query.Get("redirect_uri")):
		return failurePage("This program wants to send you to a place where no program of yours can be."), false
	case query.Get("response_type") != "code":
		return sendBack(request, url.Values{"error": {"unsupported_response_type"}}), false
	case query.Get("code_challenge_method") != "S256" || query.Get("code_challenge") == "":
		return sendBack(request, url.Values{"error": {"invalid_request"}, "error_description": {"PKCE with S256 is required."}}), false
	}
	return answer{}, true
}

func (i *Issuer) consented(request asked, allowed bool) answer {
	wanted := request.query.Get("allowed_workspace_id")
	elsewhere := wanted != "" && !slices.Contains(strings.Split(wanted, ","), i.account.ID)
	switch {
	case !allowed:
		return sendBack(request, url.Values{"error": {"access_denied"}, "error_description": {"The login was refused."}})
	case elsewhere:
		return sendBack(request, url.Values{"error": {"access_denied"}, "error_description": {"No account in the workspace."}})
	}
	code := i.newCode(i.account, request.query.Get("code_challenge"), request.query.Get("redirect_uri"), request.at)
	return sendBack(request, url.Values{"code": {code.Reveal()}})
}

// sendBack redirects the browser to the program that waits for it (RFC 6749
// section 4.1.2).
func sendBack(request asked, result url.Values) answer {
	target, _ := url.Parse(request.query.Get("redirect_uri")) // loopbackURL has parsed it
	query := target.Query()
	for name := range result {
		query.Set(name, result.Get(name))
	}
	if request.query.Has("state") {
		query.Set("state", request.query.Get("state"))
	}
	target.RawQuery = query.Encode()
	header := http.Header{"Location": {target.String()}, "Cache-Control": {"no-store"}, "Referrer-Policy": {"no-referrer"}}
	return answer{status: http.StatusSeeOther, header: header}
}

// loopbackURL reports whether an address can only be of a program on the same
// machine (RFC 8252 section 7.3).
func loopbackURL(address string) bool {
	target, err := url.Parse(address)
	if err != nil || target.Scheme != "http" || target.User != nil {
		return false
	}
	return loopback.Host(target.Hostname())
}

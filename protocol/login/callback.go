package login

import (
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/protocol/legible"
	"github.com/bezoar-auth/bezoar/protocol/loopback"
)

// The paths of the server beside that of the redirect URI. Another login, which wants the
// port, requests the last one.
const (
	pathSuccess = "/success"
	pathCancel  = "/cancel"
)

// ServeHTTP answers the browser, or any other program on this machine. It repeats
// nothing of a request but the issuer's words, on a page that escapes them.
func (b *browser) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case !b.isCallbackHost(r.Host):
		answer(w, http.StatusMisdirectedRequest, "Misdirected Request")
		return
	case r.Method != http.MethodGet: // a preview must not count as a visit
		w.Header().Set("Allow", http.MethodGet)
		answer(w, http.StatusMethodNotAllowed, "Method Not Allowed")
		return
	}
	switch r.URL.Path {
	case b.path:
		if b.path == pathSuccess && b.succeeded() { // which is where the callback led to
			b.serveSuccess(w)
			return
		}
		b.serveCallback(w, r)
	case pathSuccess:
		b.serveSuccess(w)
	case pathCancel:
		b.serveCancel(w, r)
	default:
		answer(w, http.StatusNotFound, "Not Found")
	}
}

// isCallbackHost reports whether a request names the address that the login listens
// on. Any other name was pointed at this machine by an attacker (DNS rebinding).
func (b *browser) isCallbackHost(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return host == b.host() || strings.EqualFold(host, "localhost")
}

// callback is the authorization response that the browser brought (RFC 6749 section
// 4.1.2).
type callback struct {
	code    secret.Token
	failure error // there is no code
}

// serveCallback passes the first callback with the right state to run. Later ones wait
// for the same outcome and get the same answer, for a code is good for one exchange
// (RFC 6749 section 4.1.2).
func (b *browser) serveCallback(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	if !secret.New(query.Get("state")).Equal(b.state) {
		answer(w, http.StatusBadRequest, "State mismatch") // another program sent it: the login goes on
		return
	}
	select {
	case b.arrived <- b.readCallback(query):
	default:
	}
	select {
	case <-b.decided:
	case <-r.Context().Done():
		return // the browser was closed
	}
	if b.failure != nil {
		servePage(w, failurePage(b.failure))
		return
	}
	w.Header().Set("Location", b.success)
	answer(w, http.StatusFound, "")
}

func (b *browser) readCallback(query url.Values) callback {
	if failure := b.checkIssuer(query); failure != nil {
		return callback{failure: failure}
	}
	if query.Has("error") {
		return callback{failure: refusal(query.Get("error"), query.Get("error_description"))}
	}
	if query.Get("code") == "" {
		return callback{failure: &FailedError{
			Code: codeNoCode, Message: "Missing authorization code. Sign-in could not be completed.",
		}}
	}
	return callback{code: secret.New(query.Get("code"))}
}

// checkIssuer refuses an authorization response of another issuer (RFC 9207 section 2.4): its
// code would go to this one. Codex's issuer does not say who it is.
func (b *browser) checkIssuer(query url.Values) error {
	isMissing := !query.Has("iss")
	switch {
	case b.profile.IsCodex, isMissing && !b.options.Issuer.SendsIss(), query.Get("iss") == b.profile.Issuer:
		return nil
	case isMissing:
		return &FailedError{Code: codeOtherIssuer, Message: "The answer does not say which issuer it is of, although the issuer has promised to. Nothing was sent there."}
	}
	return &FailedError{Code: codeOtherIssuer, Message: "The answer is of another issuer: " + legible.Brief(query.Get("iss")) + ". Nothing was sent there."}
}

// refusal is the error of a login that the issuer did not allow (RFC 6749 section
// 4.1.2.1), in the words of Codex.
func refusal(code, description string) *FailedError {
	failed := &FailedError{Code: legible.Brief(code), Message: "Sign-in failed: " + legible.Brief(code)}
	if code == "access_denied" && strings.Contains(strings.ToLower(description), "missing_codex_entitlement") {
		failed.Message = "Codex is not enabled for your workspace. Contact your workspace administrator to request access to Codex."
	} else if strings.TrimSpace(description) != "" {
		failed.Message = "Sign-in failed: " + legible.Brief(description)
	}
	return failed
}

// serveSuccess serves the page after a login that was saved. Before that, and after a
// failure, there is no such page.
func (b *browser) serveSuccess(w http.ResponseWriter) {
	if !b.succeeded() {
		answer(w, http.StatusNotFound, "Not Found")
		return
	}
	b.seenOnce.Do(func() { close(b.seen) })
	servePage(w, successPage)
}

func (b *browser) succeeded() bool {
	select {
	case <-b.decided:
		return b.failure == nil
	default:
		return false
	}
}

// serveCancel gives the port to another login that requests it, as Codex does. A web
// page cannot have it: browsers say which page a request comes from.
func (b *browser) serveCancel(w http.ResponseWriter, r *http.Request) {
	if crossSite(r) {
		answer(w, http.StatusForbidden, "Forbidden")
		return
	}
	b.interrupt(Cancelled, nil)
	answer(w, http.StatusOK, "Login cancelled")
}

// crossSite reports whether a page of another site made the browser send the request:
// by Fetch Metadata (Sec-Fetch-Site) or, in browsers without it, by an Origin or
// Referer that is not this server's. Programs send none of the three.
func crossSite(r *http.Request) bool {
	site := r.Header.Get("Sec-Fetch-Site")
	if site != "" && site != "none" && site != "same-origin" {
		return true
	}
	for _, name := range []string{"Origin", "Referer"} {
		from := r.Header.Get(name)
		if from == "" {
			continue
		}
		if source, err := url.Parse(from); err != nil || source.Scheme != "http" || !strings.EqualFold(source.Host, r.Host) {
			return true
		}
	}
	return false
}

// answer answers with a line of text, without a newline. The texts are those of Codex.
func answer(w http.ResponseWriter, status int, text string) {
	loopback.Protect(w.Header())
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	io.WriteString(w, text)
}

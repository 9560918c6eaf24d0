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

// The paths that are answered. The first one is known to the issuer, the last one
// to other programs that want the port.
const (
	pathCallback = "/auth/callback"
	pathSuccess  = "/success"
	pathCancel   = "/cancel"
)

// ServeHTTP answers a browser, or any other program of this machine. Nothing of the
// request is repeated but the words of an issuer, on a page that escapes them.
func (b *browser) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case !isCallbackHost(r.Host):
		answer(w, http.StatusMisdirectedRequest, "Misdirected Request")
		return
	case r.Method != http.MethodGet: // a preview must not count as a visit
		w.Header().Set("Allow", http.MethodGet)
		answer(w, http.StatusMethodNotAllowed, "Method Not Allowed")
		return
	}
	switch r.URL.Path {
	case pathCallback:
		b.serveCallback(w, r)
	case pathSuccess:
		b.serveSuccess(w)
	case pathCancel:
		b.serveCancel(w, r)
	default:
		answer(w, http.StatusNotFound, "Not Found")
	}
}

// isCallbackHost reports whether a request was meant for this machine: a name
// that an attacker made point here (DNS rebinding) is another.
func isCallbackHost(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return host == callbackHost || strings.EqualFold(host, "localhost")
}

// callback is what a browser brought back (RFC 6749 section 4.1.2).
type callback struct {
	code    secret.Token
	failure error // there is no code
}

// serveCallback takes up the first callback with the right state. Those that come
// after it wait for the same end and get the same answer, for a code is good for
// one exchange (RFC 6749 section 4.1.2).
func (b *browser) serveCallback(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	if !secret.New(query.Get("state")).Equal(b.state) {
		answer(w, http.StatusBadRequest, "State mismatch") // not from this login, which goes on
		return
	}
	select {
	case b.arrived <- readCallback(query):
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

func readCallback(query url.Values) callback {
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

// refusal is what an issuer says of a login that it did not allow (RFC 6749
// section 4.1.2.1).
func refusal(code, description string) *FailedError {
	failed := &FailedError{Code: shown(code), Message: "Sign-in failed: " + shown(code)}
	if code == "access_denied" && strings.Contains(strings.ToLower(description), "missing_codex_entitlement") {
		failed.Message = "Codex is not enabled for your workspace. Contact your workspace administrator to request access to Codex."
	} else if strings.TrimSpace(description) != "" {
		failed.Message = "Sign-in failed: " + shown(description)
	}
	return failed
}

const shownLimitRunes = 500

func shown(text string) string { return legible.Brief(text, shownLimitRunes) }

// serveSuccess is the end of a login that succeeded. Of one that did not, or not
// yet, there is no such page.
func (b *browser) serveSuccess(w http.ResponseWriter) {
	if !b.succeeded() {
		answer(w, http.StatusNotFound, "Not Found")
		return
	}
	b.leaving.Do(func() { close(b.seen) })
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

// serveCancel gives the port to another program that asks for it. A web page
// cannot: browsers say where a request comes from.
func (b *browser) serveCancel(w http.ResponseWriter, r *http.Request) {
	if crossSite(r) {
		answer(w, http.StatusForbidden, "Forbidden")
		return
	}
	b.interrupt(Cancelled, nil)
	answer(w, http.StatusOK, "Login cancelled")
}

// isForeign reports whether a page of another site made the browser ask: by Fetch
// Metadata or, in browsers without it, by an Origin or Referer that is not this
// server's. Programs send none of them.
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

// answer answers without a page. The texts are Codex's, with no newline.
func answer(w http.ResponseWriter, status int, text string) {
	loopback.Protect(w.Header())
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	io.WriteString(w, text)
}

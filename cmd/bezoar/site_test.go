package main

import (
	"io"
	"net/http"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/bezoar-auth/bezoar/machine/secret"
)

// serveSite is a resource server beside the issuer, at /site/: a repository for git (the dumb
// protocol, which git ls-remote reads) and the API of a cluster for kubectl. It takes access
// tokens that the issuer has not revoked, as a Bearer token or a password.
func (w *world) serveSite(out http.ResponseWriter, r *http.Request, name string) {
	text, isBearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	user, password, isBasic := r.BasicAuth()
	if isBasic {
		text = password
	}
	if !isBearer && !isBasic || w.refusesAll() || !w.Serves(secret.New(text)) {
		out.Header().Set("WWW-Authenticate", `Basic realm="the site of this test"`)
		out.WriteHeader(http.StatusUnauthorized)
		return
	}
	switch name {
	case "repository/info/refs":
		io.WriteString(out, strings.Repeat("1", 40)+"\trefs/heads/main\n")
	case "repository/HEAD":
		io.WriteString(out, "ref: refs/heads/main\n")
	case "user":
		io.WriteString(out, "hello "+user+"\n")
	default:
		out.WriteHeader(http.StatusNotFound)
	}
}

func (w *world) refusesAll() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.refuses
}

// refuses on|off has the site refuse all tokens, or not any more.
func refuses(ts *testscript.TestScript, neg bool, args []string) {
	w := worldOf(ts)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.refuses = args[0] == "on"
}

package outbound

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/bezoar-auth/bezoar/protocol/loopback"
)

// Rules say where requests may go. The zero Rules are the strict ones.
type Rules struct {
	// AllowPlainHTTP lets secrets travel over plain HTTP to other machines, where
	// everybody on the way can read them. That an address says http does not mean
	// that somebody wants that.
	AllowPlainHTTP bool
}

// AllowPlainHTTPVariable is the variable that a person allows it with.
const AllowPlainHTTPVariable = "BEZOAR_ALLOW_PLAIN_HTTP"

// Permit reports whether a secret may be sent to an address.
func (r Rules) Permit(address *url.URL) bool {
	return r.AllowPlainHTTP || address.Scheme != "http" || loopback.Host(address.Hostname()) || staysHere(address)
}

// staysHere reports whether no other machine can be meant: no name server knows a
// name in .invalid (RFC 6761 section 6.4), so that a proxy of this machine answers
// for it, or nothing does.
func staysHere(address *url.URL) bool {
	if !strings.HasSuffix(strings.ToLower(address.Hostname()), ".invalid") {
		return false
	}
	proxy, err := Proxy(&http.Request{URL: address})
	return err == nil && (proxy == nil || loopback.Host(proxy.Hostname()))
}

package outbound

import (
	"net/http"
	"net/netip"
	"net/url"
	"strings"
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
	return r.AllowPlainHTTP || address.Scheme != "http" || isLoopback(address.Hostname()) || staysHere(address)
}

// staysHere reports whether no other machine can be meant: no name server knows a
// name in .invalid (RFC 6761 section 6.4), so that a proxy of this machine answers
// for it, or nothing does.
func staysHere(address *url.URL) bool {
	if !strings.HasSuffix(strings.ToLower(address.Hostname()), ".invalid") {
		return false
	}
	proxy, err := Proxy(&http.Request{URL: address})
	return err == nil && (proxy == nil || isLoopback(proxy.Hostname()))
}

// isLoopback reports whether what is sent to a host does not leave this machine
// (RFC 6761 section 6.3, RFC 1122 section 3.2.1.3, RFC 4291 section 2.5.3).
func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	address, err := netip.ParseAddr(host)
	return err == nil && address.Unmap().IsLoopback()
}

// Package outbound has what the clients of HTTP servers share, for issuers (package oauth)
// and for ChatGPT's backend (package chatgpt): the rules of where a secret may go, the proxy
// of the environment, the headers that introduce the program, and how an answer is read, or
// why there is none.
package outbound

import (
	"cmp"
	"context"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"unicode"

	"github.com/bezoar-auth/bezoar/machine/evidence"
	"github.com/bezoar-auth/bezoar/protocol/legible"
	"github.com/bezoar-auth/bezoar/protocol/loopback"
)

// NewRequest makes a request for an answer that ReadBody can read. Its errors are
// [evidence.ProblemAddress] for an address that is no HTTP URL (net/http accepts any text)
// and [evidence.ProblemPlainHTTP] for one that the rules forbid.
func (r Rules) NewRequest(ctx context.Context, method, address string, body io.Reader) (*http.Request, error) {
	request, err := http.NewRequestWithContext(ctx, method, address, body)
	if err != nil || request.URL.Scheme != "https" && request.URL.Scheme != "http" || request.URL.Hostname() == "" {
		return nil, evidence.ProblemAddress
	}
	if !r.Permit(request.URL) {
		return nil, evidence.ProblemPlainHTTP
	}
	request.Header.Set("Accept", "application/json") // without it, GitHub answers with a form
	request.Header.Set("Accept-Encoding", "gzip")    // without it, any coding may come (RFC 9110 section 12.5.3)
	return request, nil
}

// FitsHeader reports whether text can be sent in a header (RFC 9110 section 5.5). net/http
// would fail with an error that repeats the text, which may be a secret.
func FitsHeader(text string) bool { return !strings.ContainsFunc(text, unicode.IsControl) }

// Introduction names the program that the requests are made for. The zero value names
// bezoar. Its methods may be called concurrently.
type Introduction struct{ current atomic.Pointer[program] }

type program struct{ originator, userAgent string }

var thisProgram = program{"bezoar", "bezoar"}

// Introduce sets the Originator and User-Agent headers of all further requests. A character
// that a header cannot hold becomes an underscore, so that it does not stop refreshes.
func (i *Introduction) Introduce(originator, userAgent string) {
	fit := func(text string) string { return legible.Map(text, '_') }
	i.current.Store(&program{fit(originator), fit(userAgent)})
}

// Originator is the name of the program, as the requests say it.
func (i *Introduction) Originator() string { return i.program().originator }

// Sign adds the headers of the introduction to a request.
func (i *Introduction) Sign(request *http.Request) {
	program := i.program()
	request.Header.Set("Originator", program.originator)
	request.Header.Set("User-Agent", program.userAgent)
}

func (i *Introduction) program() program {
	if current := i.current.Load(); current != nil {
		return *current
	}
	return thisProgram
}

// Rules say where requests may go. The zero value is the strictest.
type Rules struct {
	// AllowPlainHTTP lets secrets travel over plain HTTP to other machines, where every machine
	// on the way can read them. That the address of an issuer begins with http:// does not
	// mean that the user accepts that.
	AllowPlainHTTP bool
}

// WithoutQuery is an address without what may be a secret in it: a password, a query, a
// fragment. It is "" for a text that is no URL.
func WithoutQuery(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	u.User, u.RawQuery, u.ForceQuery, u.Fragment, u.RawFragment = nil, "", false, "", ""
	return u.String()
}

// AllowPlainHTTPVariable is the environment variable that sets AllowPlainHTTP.
const AllowPlainHTTPVariable = "BEZOAR_ALLOW_PLAIN_HTTP"

// Permit reports whether a secret may be sent to an address.
func (r Rules) Permit(address *url.URL) bool {
	return r.AllowPlainHTTP || address.Scheme != "http" || loopback.Host(address.Hostname()) || staysHere(address)
}

// staysHere reports whether a request cannot reach another machine: no name server knows a
// name in .invalid (RFC 6761 section 6.4), so that at most a proxy on this machine answers.
func staysHere(address *url.URL) bool {
	if !strings.HasSuffix(strings.ToLower(address.Hostname()), ".invalid") {
		return false
	}
	proxy, err := Proxy(&http.Request{URL: address})
	return err == nil && (proxy == nil || loopback.Host(proxy.Hostname()))
}

// Proxy is the proxy that the environment names for a request, nil for none: that of
// net/http (HTTPS_PROXY, HTTP_PROXY, NO_PROXY), else ALL_PROXY, which Codex and curl use
// and net/http does not. Its schemes are http, https, socks5 and socks5h; its error is an
// [evidence.Problem].
func Proxy(request *http.Request) (*url.URL, error) {
	proxy, err := http.ProxyFromEnvironment(request)
	if err != nil {
		return nil, evidence.ProblemProxyUnreachable // the error of net/http repeats the value, with its password
	}
	all := cmp.Or(os.Getenv("ALL_PROXY"), os.Getenv("all_proxy"))
	if proxy != nil || all == "" || bypassesProxy(request.URL) {
		return proxy, nil
	}
	return parseProxy(all)
}

// parseProxy parses the address of a proxy. As in net/http, one without a scheme is that of
// an HTTP proxy.
func parseProxy(text string) (*url.URL, error) {
	if !strings.Contains(text, "://") {
		text = "http://" + text
	}
	proxy, err := url.Parse(text)
	if err != nil || proxy.Hostname() == "" {
		return nil, evidence.ProblemProxyUnreachable
	}
	switch proxy.Scheme {
	case "http", "https", "socks5", "socks5h":
		return proxy, nil
	}
	return nil, evidence.ProblemProxyUnreachable
}

// bypassesProxy reports whether a request uses no proxy, by the rules of net/http: one to
// this machine, or to a host that NO_PROXY lists.
func bypassesProxy(to *url.URL) bool {
	host := strings.ToLower(strings.TrimSuffix(to.Hostname(), "."))
	if loopback.Host(host) {
		return true
	}
	port := cmp.Or(to.Port(), map[string]string{"http": "80", "https": "443"}[to.Scheme])
	for each := range strings.SplitSeq(cmp.Or(os.Getenv("NO_PROXY"), os.Getenv("no_proxy")), ",") {
		if each = strings.ToLower(strings.TrimSpace(each)); each == "*" || each != "" && noProxyCovers(each, host, port) {
			return true
		}
	}
	return false
}

// noProxyCovers reports whether one entry of NO_PROXY covers a host: an address, a range of
// addresses, or a name, which covers the names below it. With a port it covers that port.
func noProxyCovers(entry, host, port string) bool {
	address, err := netip.ParseAddr(host)
	if block, blockErr := netip.ParsePrefix(entry); blockErr == nil {
		return err == nil && block.Contains(address.Unmap())
	}
	if name, only, splitErr := net.SplitHostPort(entry); splitErr == nil {
		if only != port {
			return false
		}
		entry = name
	}
	if listed, listedErr := netip.ParseAddr(strings.Trim(entry, "[]")); listedErr == nil {
		return err == nil && listed.Unmap() == address.Unmap()
	}
	entry = strings.TrimPrefix(entry, "*")
	below := "." + strings.TrimPrefix(entry, ".")
	return strings.HasSuffix(host, below) || host == entry
}

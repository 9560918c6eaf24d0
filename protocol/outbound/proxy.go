package outbound

import (
	"cmp"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"

	"github.com/bezoar-auth/bezoar/machine/evidence"
	"github.com/bezoar-auth/bezoar/protocol/loopback"
)

// Proxy is the proxy that the environment names for a request, nil for none: what
// net/http reads (HTTPS_PROXY, HTTP_PROXY, NO_PROXY) and, where that names none,
// ALL_PROXY, which the reference and curl obey and net/http does not. Its schemes
// are http, https, socks5 and socks5h; its error is a [evidence.Problem].
func Proxy(request *http.Request) (*url.URL, error) {
	proxy, err := http.ProxyFromEnvironment(request)
	if err != nil {
		return nil, evidence.ProblemProxyUnreachable // the error holds the value, with its password
	}
	all := cmp.Or(os.Getenv("ALL_PROXY"), os.Getenv("all_proxy"))
	if proxy != nil || all == "" || bypassesProxy(request.URL) {
		return proxy, nil
	}
	return parseProxy(all)
}

// parseProxy takes an address without a scheme for an HTTP proxy's, as net/http does.
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

// bypassesProxy reports whether a request goes through no proxy: to this machine, or to
// what NO_PROXY lists, by the rules of net/http.
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

// noProxyCovers reports whether one entry of NO_PROXY covers a host: an address, a range
// of them, or a name, which covers the names below it; and with a port that port
// alone.
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

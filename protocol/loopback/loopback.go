// Package loopback is what this program knows of the loopback interface, on which
// it serves pages to a browser of the same machine (RFC 8252 section 7.3): which
// names mean this machine, and which headers protect such a page.
package loopback

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// Host reports whether what is sent to a host does not leave this machine: the name
// localhost, or a loopback address (RFC 6761 section 6.3, RFC 1122 section 3.2.1.3,
// RFC 4291 section 2.5.3). The host has no port, and no brackets around an address.
func Host(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	address, err := netip.ParseAddr(host)
	return err == nil && address.Unmap().IsLoopback()
}

// Authority is [Host] for the Host header of a request, which may have a port. A page
// answers no other authority: a name that an attacker points at this machine (DNS
// rebinding) would make a foreign web page its origin.
func Authority(authority string) bool {
	if name, _, err := net.SplitHostPort(authority); err == nil {
		authority = name
	}
	return Host(strings.Trim(authority, "[]"))
}

// Protect keeps an answer out of caches, frames, other origins and Referer headers.
// A page that needs more than nothing sets a Content-Security-Policy of its own after it.
func Protect(header http.Header) {
	header.Set("Cache-Control", "no-store")
	header.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	header.Set("Cross-Origin-Resource-Policy", "same-origin")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("X-Frame-Options", "DENY")
}

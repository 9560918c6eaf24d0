package scripted

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// The hosts that this service is.
const (
	chatGPTHost = "chatgpt.com"
	apiHost     = "api.openai.com"
	authHost    = "auth.openai.com"
)

// handshakeLimit is how long a client in a tunnel may take to begin.
const handshakeLimit = 30 * time.Second

// serveOutside answers what comes over plain HTTP: a tunnel for a proxy (RFC 9110 section
// 9.3.6), a request for another host, which is refused, or one for this service.
func (s *Service) serveOutside(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Method == http.MethodConnect:
		s.tunnel(w, r)
	case r.URL.IsAbs() && r.URL.Host != s.address:
		s.refuseHost(w, r, r.URL.Hostname())
	default:
		s.serve(w, r, "")
	}
}

// serveInside answers what comes through a tunnel.
func (s *Service) serveInside(w http.ResponseWriter, r *http.Request) {
	host, _, err := net.SplitHostPort(r.Host)
	if err != nil {
		host = r.Host
	}
	s.serve(w, r, host)
}

func (s *Service) refuseHost(w http.ResponseWriter, r *http.Request, host string) {
	s.decide(s.arrive(r, Refused, host), http.StatusBadGateway)
	http.Error(w, "only chatgpt.com and openai.com are here", http.StatusBadGateway)
}

// tunnel ends the TLS of a tunnel here and serves what is inside.
func (s *Service) tunnel(w http.ResponseWriter, r *http.Request) {
	host := r.URL.Hostname()
	if host != chatGPTHost && host != apiHost && host != authHost {
		s.refuseHost(w, r, host)
		return
	}
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if _, err := conn.Write([]byte("HTTP/1.1 200 Connection established\r\n\r\n")); err != nil {
		conn.Close()
		return
	}
	secured := tls.Server(conn, s.authority.tls)
	ctx, cancel := context.WithTimeout(context.Background(), handshakeLimit)
	defer cancel()
	if secured.HandshakeContext(ctx) != nil || !s.tunnels.add(secured) {
		conn.Close()
	}
}

// tunnels is a listener of the connections inside tunnels.
type tunnels struct {
	address net.Addr
	opened  chan net.Conn
	closed  chan struct{}
	once    sync.Once
}

func newTunnels(address net.Addr) *tunnels {
	return &tunnels{address: address, opened: make(chan net.Conn), closed: make(chan struct{})}
}

// add hands a connection to the server. It reports whether there is one.
func (t *tunnels) add(conn net.Conn) bool {
	select {
	case t.opened <- conn:
		return true
	case <-t.closed:
		return false
	}
}

func (t *tunnels) Accept() (net.Conn, error) {
	select {
	case conn := <-t.opened:
		return conn, nil
	case <-t.closed:
		return nil, net.ErrClosed
	}
}

func (t *tunnels) Close() error {
	t.once.Do(func() { close(t.closed) })
	return nil
}

func (t *tunnels) Addr() net.Addr { return t.address }

// isIssuer reports whether a request is for the issuer: by its host, or by its path where no
// host is named.
func isIssuer(host, path string) bool {
	if host != "" {
		return host == authHost
	}
	return strings.HasPrefix(path, "/oauth/") || strings.HasPrefix(path, "/api/accounts/") || path == "/codex/device"
}

// Package scripted is all that a codex talks to, in one process on loopback, for demos and
// tests: the model server at chatgpt.com and at api.openai.com, the paths of ChatGPT's backend
// that a codex asks for, and the issuer ([issuer.Issuer]). A codex in its default configuration
// reaches it as the proxy that its environment names, with a throw-away certificate authority
// that it trusts ([Service.Environment]); one with a provider of its own by [Service.URL].
// Requests for every other host are refused, so that nothing leaves the machine.
//
// The model server accepts the access tokens of the issuer, and the keys of its options. A
// script says what the model answers ([Service.Script]); [Service.Requests] are what arrived.
//
// It protects nothing. Never show it a real token.
package scripted

import (
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/bezoar-auth/bezoar/machine/jwt"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/protocol/oauth/issuer"
)

// Options configure a [Service]. Each zero value stands for its default.
type Options struct {
	Issuer *issuer.Issuer   // whose access tokens are accepted; a new one
	Keys   []secret.Token   // API keys that are accepted; none
	Now    func() time.Time // decides whether a token has expired; time.Now
}

// Service is what a codex talks to. Its methods may be called concurrently.
type Service struct {
	Issuer *issuer.Issuer

	now       func() time.Time
	authority *authority
	address   string
	server    *http.Server // plain HTTP: the proxy, and requests that name no proxy
	inside    *http.Server // what comes through tunnels
	tunnels   *tunnels

	mu       sync.Mutex // guards what follows; never held while a request waits
	keys     []secret.Token
	rejected map[secret.Fingerprint]bool
	steps    []Step
	always   Step
	requests []*Request
	changed  chan struct{} // closed when requests changes, and made anew
}

// Start makes a service and lets it listen at a port of loopback. Its errors are those of
// the port and of the random source; there is nothing to close then.
func Start(options Options) (*Service, error) {
	made, err := newAuthority()
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &Service{
		Issuer: options.Issuer, now: options.Now, authority: made, address: listener.Addr().String(),
		tunnels: newTunnels(listener.Addr()), keys: options.Keys,
		rejected: map[secret.Fingerprint]bool{}, changed: make(chan struct{}),
	}
	if s.Issuer == nil {
		s.Issuer = issuer.New(issuer.Options{})
	}
	if s.now == nil {
		s.now = time.Now
	}
	quiet := log.New(io.Discard, "", 0) // a client that hangs up is no concern of a server
	s.server = &http.Server{Handler: http.HandlerFunc(s.serveOutside), ReadHeaderTimeout: time.Minute, ErrorLog: quiet}
	s.inside = &http.Server{Handler: http.HandlerFunc(s.serveInside), ReadHeaderTimeout: time.Minute, ErrorLog: quiet}
	go s.server.Serve(listener)
	go s.inside.Serve(s.tunnels)
	return s, nil
}

// Close ends all connections. Requests that wait for a script end too.
func (s *Service) Close() {
	s.server.Close()
	s.inside.Close()
}

// URL is the address for a client that uses no proxy, without a slash at the end: a
// base_url of a provider, a chatgpt_base_url, an issuer.
func (s *Service) URL() string { return "http://" + s.address }

// TokenURL is the issuer's token endpoint at that address.
func (s *Service) TokenURL() string { return s.URL() + "/oauth/token" }

// Environment is what the environment of a codex needs, as NAME=VALUE, so that it talks to
// this service alone. caFile is a file with [Service.Certificate].
func (s *Service) Environment(caFile string) []string {
	return []string{
		"HTTPS_PROXY=" + s.URL(), "HTTP_PROXY=" + s.URL(), "ALL_PROXY=" + s.URL(), "NO_PROXY=127.0.0.1,localhost",
		"https_proxy=" + s.URL(), "http_proxy=" + s.URL(), "all_proxy=" + s.URL(), "no_proxy=127.0.0.1,localhost",
		"SSL_CERT_FILE=" + caFile, "CODEX_CA_CERTIFICATE=" + caFile,
	}
}

// Certificate is the authority that ends TLS for this service, as PEM. Its key is nowhere but
// in this process.
func (s *Service) Certificate() []byte { return s.authority.pem }

// Reject refuses the bearer with this fingerprint from now on, with 401, as if the issuer had
// taken an access token back before its expiry.
func (s *Service) Reject(bearer secret.Fingerprint) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rejected[bearer] = true
}

// Accept accepts one more API key.
func (s *Service) Accept(key secret.Token) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys = append(s.keys, key)
}

// accepts reports whether a bearer opens a host. Keys open api.openai.com, and access tokens
// chatgpt.com; either opens the address without a proxy.
func (s *Service) accepts(bearer secret.Token, host string) bool {
	if bearer.IsEmpty() {
		return false
	}
	s.mu.Lock()
	isKey := false
	for _, key := range s.keys {
		isKey = isKey || key.Equal(bearer)
	}
	isRejected := s.rejected[bearer.Fingerprint()]
	s.mu.Unlock()
	switch {
	case isRejected:
		return false
	case isKey:
		return host != chatGPTHost
	}
	return host != apiHost && s.Issuer.Serves(bearer) && !s.isExpired(bearer)
}

func (s *Service) isExpired(bearer secret.Token) bool {
	claims, err := jwt.Parse(bearer, jwt.Paths{})
	return err == nil && !claims.Expiry.IsZero() && !s.now().Before(claims.Expiry)
}

// Script adds answers of the model, one for each request that it accepts, behind those that
// were scripted before.
func (s *Service) Script(steps ...Step) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.steps = append(s.steps, steps...)
}

// Always sets the answer to every request for which none is scripted. The zero Step says
// [Hello].
func (s *Service) Always(step Step) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.always = step
}

func (s *Service) nextStep() Step {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.steps) == 0 {
		return s.always
	}
	step := s.steps[0]
	s.steps = s.steps[1:]
	return step
}

// Await waits until n requests of a kind have arrived, and returns those that have. It is an
// error if ctx ends before; what has arrived is returned then too.
func (s *Service) Await(ctx context.Context, n int, isWanted func(Request) bool) ([]Request, error) {
	for {
		s.mu.Lock()
		changed := s.changed
		s.mu.Unlock()
		found := s.Requests(isWanted)
		if len(found) >= n {
			return found, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return found, ctx.Err()
		}
	}
}

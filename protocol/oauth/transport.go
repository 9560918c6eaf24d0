package oauth

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/bezoar-auth/bezoar/machine/endpoint"
	"github.com/bezoar-auth/bezoar/machine/evidence"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/protocol/outbound"
	"github.com/bezoar-auth/bezoar/protocol/profile"
)

// newTransport makes the transport of all calls: through the proxy that the environment
// names ([outbound.Proxy]), trusting roots, or the system's alone if nil.
//
// It opens a connection for each request. Calls are rare, and a kept connection that has
// died unnoticed (a laptop slept) would leave a refresh token in doubt.
func newTransport(roots *x509.CertPool) *http.Transport {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true) // HTTP/2 may send a request again after a reset
	return &http.Transport{
		Proxy:                  outbound.Proxy,
		OnProxyConnectResponse: checkTunnel,
		TLSClientConfig:        &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		Protocols:              protocols,
		DisableKeepAlives:      true,
		DisableCompression:     true,
		MaxResponseHeaderBytes: headerLimitBytes,
	}
}

// checkTunnel is nil if the proxy has opened a tunnel to the issuer. What it says
// when it does not (407: it wants a password) is its own text, which is not shown.
func checkTunnel(_ context.Context, _ *url.URL, _ *http.Request, answer *http.Response) error {
	if answer.StatusCode != http.StatusOK {
		return evidence.ProblemProxyRefused
	}
	return nil
}

const (
	headerLimitBytes = 64 << 10
	bodyLimitBytes   = 1 << 20
)

// post asks the issuer once. with fills the request in; the secret of the client is added,
// if the request needs it. A request without a URL is none that the profile has.
func (c *Client) post(ctx context.Context, asked profile.Request, with values) (reply, *UnreachableError) {
	var proof secret.Token
	if asked.NeedsSecret() {
		var missing *UnreachableError
		if proof, missing = c.secret(ctx); missing != nil {
			return reply{}, missing
		}
		with = with.and(clientSecret, proof.Reveal())
	}
	contentType, content := encode(asked.Encoding, with.fill(asked.Fields))
	body := newOneShot(content, func() bool { return endpoint.MayPost(ctx) })
	request, err := c.options.Rules.NewRequest(ctx, http.MethodPost, asked.URL, body)
	if err != nil {
		return reply{}, &UnreachableError{Problem: outbound.ProblemOf(ctx, err)}
	}
	request.ContentLength = int64(len(content)) // otherwise net/http would send it in chunks
	request.Header.Set("Content-Type", contentType)
	if asked.Basic {
		request.SetBasicAuth(url.QueryEscape(asked.ClientID), url.QueryEscape(proof.Reveal())) // RFC 6749 section 2.3.1
	}
	c.Sign(request)
	answered, unreachable := send(c.Transport(), request, body)
	answered.proof = proof
	return answered, unreachable
}

// send sends the request once and reads the answer. It does not use http.Client, which
// would send a token along redirects and put the URL into its errors.
func send(transport http.RoundTripper, request *http.Request, body *oneShot) (reply, *UnreachableError) {
	response, err := transport.RoundTrip(request)
	if err != nil {
		return reply{}, &UnreachableError{Problem: outbound.ProblemOf(request.Context(), err), Sent: !body.withdraw()}
	}
	defer response.Body.Close()
	answered := reply{status: response.StatusCode, header: response.Header}
	answered.body, err = outbound.ReadBody(response.Body, bodyLimitBytes)
	if err != nil {
		// A token response that can be read counts, although the connection broke, or
		// time ran out, after it.
		answered.cut = outbound.ProblemOf(request.Context(), err)
	}
	return answered, nil
}

// oneShot is a request body that is sent at most once and knows whether it was sent.
// net/http does not know its type, so it cannot rewind it (Request.GetBody) and retry by
// itself: an issuer revokes a login whose refresh token is posted twice.
type oneShot struct {
	content *bytes.Reader
	maySend func() bool // called when the first byte is about to leave
	fate    atomic.Int32
}

// The fates of a oneShot.
const (
	kept int32 = iota
	sent
	withdrawn
)

func newOneShot(content []byte, maySend func() bool) *oneShot {
	return &oneShot{content: bytes.NewReader(content), maySend: maySend}
}

// errWithdrawn stops a transport that begins to send after withdraw.
var errWithdrawn = errors.New("the request was given up before it was sent")

func (b *oneShot) Read(into []byte) (int, error) {
	if b.fate.Load() == kept && !b.maySend() {
		b.withdraw()
	}
	if b.fate.CompareAndSwap(kept, sent) || b.fate.Load() == sent {
		return b.content.Read(into)
	}
	return 0, errWithdrawn
}

func (b *oneShot) Close() error { return nil }

// withdraw reports whether the body has not been sent, and if so keeps it from ever
// being sent: a transport may go on after its caller has given up.
func (b *oneShot) withdraw() bool {
	return b.fate.CompareAndSwap(kept, withdrawn) || b.fate.Load() == withdrawn
}

// Transport is the transport of this client, for calls to other servers that have to go
// the same way: through the proxy, and trusting the same authorities. Its errors are
// those of net/http, and [evidence.ProblemCAFileUnreadable].
func (c *Client) Transport() http.RoundTripper { return lazyTransport{c} }

// KeptTransport is Transport for a server that is asked often: it keeps connections for a
// few seconds, less than servers do, so that a request seldom meets one that is being closed.
// A request with a body is sent once here too.
func (c *Client) KeptTransport() (http.RoundTripper, error) {
	if c.options.Transport != nil {
		return c.options.Transport, nil
	}
	roots, err := c.roots()
	if err != nil {
		return nil, err
	}
	t := newTransport(roots)
	t.DisableKeepAlives, t.IdleConnTimeout = false, keptFor
	t.MaxIdleConnsPerHost = 16
	t.TLSClientConfig.ClientSessionCache = tls.NewLRUClientSessionCache(4)
	t.DialContext = (&net.Dialer{Timeout: dialLimit}).DialContext
	return t, nil
}

const (
	keptFor   = 4 * time.Second // Node's servers keep an idle connection for five
	dialLimit = 30 * time.Second
)

// lazyTransport makes the client's transport when it is first used.
type lazyTransport struct{ client *Client }

func (w lazyTransport) RoundTrip(request *http.Request) (*http.Response, error) {
	transport, err := w.client.roundTripper(request)
	if err != nil {
		return nil, err
	}
	return transport.RoundTrip(request)
}

// roundTripper makes the transport for the first request that needs it, so that a start
// costs nothing. After an error the file of authorities is read again: it may be mended.
func (c *Client) roundTripper(request *http.Request) (http.RoundTripper, error) {
	c.transportMu.Lock()
	defer c.transportMu.Unlock()
	switch {
	case c.transport != nil:
		return c.transport, nil
	case !needsTLS(request): // to read all authorities takes longer than a whole refresh on loopback
		return newTransport(nil), nil
	}
	roots, err := c.roots()
	if err != nil {
		return nil, err
	}
	c.transport = newTransport(roots)
	return c.transport, nil
}

func needsTLS(request *http.Request) bool {
	proxy, _ := outbound.Proxy(request)
	return request.URL.Scheme == "https" || proxy != nil && proxy.Scheme == "https"
}

// roots are the authorities to trust, nil for the system's alone. Its error is
// [evidence.ProblemCAFileUnreadable] or [evidence.ProblemCAFileNoCertificate].
func (c *Client) roots() (*x509.CertPool, error) {
	if c.options.Authorities == nil {
		return nil, nil
	}
	pem, err := c.options.Authorities()
	if err != nil {
		return nil, evidence.ProblemCAFileUnreadable
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool() // the system has none: those of the file will do
	}
	if !roots.AppendCertsFromPEM(pem) {
		return nil, evidence.ProblemCAFileNoCertificate // DER, or OpenSSL's TRUSTED CERTIFICATE
	}
	return roots, nil
}

package oauth_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/endpoint"
	"github.com/bezoar-auth/bezoar/machine/evidence"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/protocol/oauth"
	"github.com/bezoar-auth/bezoar/protocol/oauth/issuer"
	"github.com/bezoar-auth/bezoar/protocol/profile"
)

// proxiedEndpoint makes the test binary a program that refreshes once at this address:
// net/http reads the proxies of its environment only once in a process.
const proxiedEndpoint = "BEZOAR_TEST_PROXIED_ENDPOINT"

func TestMain(m *testing.M) {
	address := os.Getenv(proxiedEndpoint)
	if address == "" {
		os.Exit(m.Run())
	}
	client := networked(address, func(o *oauth.Options) {
		o.Authorities = func() ([]byte, error) { return []byte(os.Getenv("AUTHORITY")), nil }
	})
	token := secret.New(os.Getenv("TOKEN"))
	outcome := client.Refresh(context.Background(), token, "")
	fmt.Printf("%T", outcome)
	if unavailable, ok := outcome.(endpoint.Unavailable); ok {
		err := client.Revoke(context.Background(), machine.Credential{RefreshToken: token})
		fmt.Printf(", lost: %t, %v", unavailable.Lost, err)
	}
}

// refreshProxied is the answer to a refresh by a program with a proxy in its
// environment. authority is the server with TLS, proxy or issuer.
func refreshProxied(t *testing.T, address string, proxy, authority *httptest.Server, token secret.Token) string {
	child := exec.Command(os.Args[0])
	child.Env = []string{
		proxiedEndpoint + "=" + address, "HTTP_PROXY=" + proxy.URL, "HTTPS_PROXY=" + proxy.URL, "TOKEN=" + token.Reveal(),
	}
	if own := authority.Certificate(); own != nil {
		child.Env = append(child.Env, "AUTHORITY="+string(authorityFile(own)))
	}
	out, err := child.Output() // under -cover it warns on stderr
	require.NoError(t, err)
	return string(out)
}

// networkedClient is a client with a transport of its own, that asks one issuer.
type networkedClient struct {
	*oauth.Client
	issuer machine.Issuer
}

func (c networkedClient) Refresh(ctx context.Context, token secret.Token, cause endpoint.Cause) endpoint.Answer {
	return c.Client.Refresh(ctx, c.issuer, token, cause)
}

func (c networkedClient) Revoke(ctx context.Context, login machine.Credential) error {
	return c.Client.Revoke(ctx, c.issuer, login)
}

func networked(address string, change ...func(*oauth.Options)) networkedClient {
	o := options(nil)
	o.Profile.Endpoints.Revocation = address
	for _, each := range change {
		each(&o)
	}
	return networkedClient{oauth.New(o), at(address)}
}

func problemAt(t *testing.T, client networkedClient) oauth.UnreachableError {
	var unreachable *oauth.UnreachableError
	require.ErrorAs(t, client.Revoke(t.Context(), machine.Credential{RefreshToken: secret.New("r")}), &unreachable)
	return *unreachable
}

func TestRedirectIsNotFollowed(t *testing.T) {
	for _, status := range []int{301, 302, 303, 307, 308} {
		var requests atomic.Int32
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			requests.Add(1)
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(status)
		}))
		answer := networked(server.URL+"/oauth/token").Refresh(t.Context(), secret.New("r"), "")
		server.Close()
		require.Equal(t, endpoint.Unavailable{Lost: false}, bare(answer))
		require.EqualValues(t, 1, requests.Load())
	}
}

// dying is a server that breaks each connection after a whole request, and counts the
// requests.
func dying(t *testing.T) (address string, requests *atomic.Int32) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	requests, done := new(atomic.Int32), make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			if request, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
				new(bytes.Buffer).ReadFrom(request.Body)
				requests.Add(1)
			}
			conn.Close()
		}
	}()
	t.Cleanup(func() { listener.Close(); <-done })
	return "http://" + listener.Addr().String(), requests
}

func TestDeadConnectionIsNotRetried(t *testing.T) {
	address, requests := dying(t)
	client := networked(address)
	require.Equal(t, endpoint.Unavailable{Lost: true}, bare(client.Refresh(t.Context(), secret.New("r"), "")))
	require.Equal(t, oauth.UnreachableError{Problem: evidence.ProblemConnectionBroken, Sent: true}, problemAt(t, client))
	require.EqualValues(t, 2, requests.Load(), "two calls are two requests")
}

func TestRefusedConnectionSpendsNothing(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	client := networked("http://" + listener.Addr().String())
	require.Equal(t, endpoint.Unavailable{Lost: false}, bare(client.Refresh(t.Context(), secret.New("r"), "")))
	require.Equal(t, oauth.UnreachableError{Problem: evidence.ProblemConnectionRefused}, problemAt(t, client))
}

// authorityFile is a file with the certificate of a server.
func authorityFile(certificate *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Raw})
}

func TestAuthorityFileIsTrustedOnlyWhenNamed(t *testing.T) {
	i := issuer.New(issuer.Options{})
	server := httptest.NewUnstartedServer(i)
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	server.StartTLS()
	defer server.Close()
	token := i.Login(issuer.Ada, time.Now()).RefreshToken
	address := server.URL + "/oauth/token"

	stranger := networked(address)
	require.Equal(t, endpoint.Unavailable{Lost: false}, bare(stranger.Refresh(t.Context(), token, "")))
	require.Equal(t, oauth.UnreachableError{Problem: evidence.ProblemCertificate}, problemAt(t, stranger))

	file, failure := []byte("no certificate"), errors.New("no such file")
	friend := networked(address, func(o *oauth.Options) {
		o.Authorities = func() ([]byte, error) { return file, failure }
	})
	require.Equal(t, oauth.UnreachableError{Problem: evidence.ProblemCAFileUnreadable}, problemAt(t, friend))
	failure = nil
	require.Equal(t, oauth.UnreachableError{Problem: evidence.ProblemCAFileNoCertificate}, problemAt(t, friend))
	require.Empty(t, i.Requests())

	file = authorityFile(server.Certificate())
	require.IsType(t, endpoint.Issued{}, friend.Refresh(t.Context(), token, ""))
	require.Len(t, i.Requests(), 1)
}

func TestInvalidAddressIsAProblem(t *testing.T) {
	for _, address := range []string{"", "issuer.test", "ftp://issuer.test/", "https://", "://", "http://a b/"} {
		require.Equal(t, oauth.UnreachableError{Problem: evidence.ProblemAddress}, problemAt(t, networked(address)), address)
	}
}

func TestTokensAreNotSentOverPlainHTTP(t *testing.T) {
	never := transportFunc(func(*http.Request) (*http.Response, error) { panic("a request was made") })
	client := oauth.New(oauth.Options{Profile: profile.CodexAt("http://issuer.test"), Transport: never})
	plain := oauth.UnreachableError{Problem: evidence.ProblemPlainHTTP}

	answer := client.Refresh(t.Context(), machine.Issuer{TokenEndpoint: "http://issuer.test/oauth/token"}, secret.New("r"), "")
	require.Equal(t, endpoint.Unavailable{Evidence: evidence.Evidence{Problem: evidence.ProblemPlainHTTP}}, answer)
	revoked := client.Revoke(t.Context(), machine.Issuer{TokenEndpoint: "http://issuer.test/oauth/token"}, machine.Credential{RefreshToken: secret.New("r")})
	_, exchanged := client.Exchange(t.Context(), oauth.Code{})
	_, keyed := client.ExchangeKey(t.Context(), secret.New("i"))
	_, started := client.StartDevice(t.Context())
	_, polled := client.PollDevice(t.Context(), oauth.Device{})
	for _, err := range []error{client.MayLogIn(), revoked, exchanged, keyed, started, polled} {
		var unreachable *oauth.UnreachableError
		require.ErrorAs(t, err, &unreachable)
		require.Equal(t, plain, *unreachable)
	}
}

func TestEndOfACallIsNotAFailureOfTheIssuer(t *testing.T) {
	client := networked("http://127.0.0.1:1/")
	cancelled, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("the user went home"))
	late, done := context.WithDeadlineCause(t.Context(), time.Unix(0, 0), errors.New("too slow"))
	defer done()
	for ctx, problem := range map[context.Context]evidence.Problem{cancelled: evidence.ProblemCancelled, late: evidence.ProblemTimedOut} {
		var unreachable *oauth.UnreachableError
		require.ErrorAs(t, client.Revoke(ctx, machine.Credential{RefreshToken: secret.New("r")}), &unreachable)
		require.Equal(t, oauth.UnreachableError{Problem: problem}, *unreachable)
	}
}

func TestProxyOfTheEnvironmentIsUsed(t *testing.T) {
	for name, start := range map[string]func(http.Handler) *httptest.Server{
		"no TLS on the way, and no authority needed": httptest.NewServer,
		"TLS up to the proxy":                        httptest.NewTLSServer,
	} {
		t.Run(name, func(t *testing.T) {
			i := issuer.New(issuer.Options{})
			proxy := start(i) // a proxy for plain HTTP is sent whole URLs, which an issuer can serve
			defer proxy.Close()
			token := i.Login(issuer.Ada, time.Now()).RefreshToken
			require.Equal(t, "endpoint.Issued", refreshProxied(t, "http://issuer.invalid/oauth/token", proxy, proxy, token))
			require.Len(t, i.Requests(), 1)
		})
	}
}

// tunnelling is a proxy that tunnels to one server, whatever the request names.
func tunnelling(t *testing.T, to *httptest.Server) *httptest.Server {
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		assert.Equal(t, http.MethodConnect, r.Method)
		there, err := net.Dial("tcp", to.Listener.Addr().String())
		if !assert.NoError(t, err) {
			return
		}
		defer there.Close()
		w.WriteHeader(http.StatusOK)
		here, read, err := http.NewResponseController(w).Hijack()
		if !assert.NoError(t, err) {
			return
		}
		defer here.Close()
		go io.Copy(there, read) // which may have the first byte already
		io.Copy(here, there)
	}))
}

func TestIssuerIsReachedThroughATunnel(t *testing.T) {
	i := issuer.New(issuer.Options{})
	server := httptest.NewTLSServer(i)
	defer server.Close()
	proxy := tunnelling(t, server)
	defer proxy.Close()
	token := i.Login(issuer.Ada, time.Now()).RefreshToken
	require.Equal(t, "endpoint.Issued", refreshProxied(t, "https://example.com/oauth/token", proxy, server, token)) // its certificate's name
	require.Len(t, i.Requests(), 1)
}

func TestProxyThatDeniesATunnelSpendsNothing(t *testing.T) {
	i := issuer.New(issuer.Options{})
	server := httptest.NewTLSServer(i)
	defer server.Close()
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusProxyAuthRequired)
	}))
	defer proxy.Close()
	token := i.Login(issuer.Ada, time.Now()).RefreshToken
	require.Equal(t, "endpoint.Unavailable, lost: false, the issuer gave no answer: proxy refused",
		refreshProxied(t, "https://example.com/oauth/token", proxy, server, token))
	require.Empty(t, i.Requests())
}

func TestRequestSaysHowLongItIs(t *testing.T) { // some gateways refuse chunks
	var length atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		length.Store(r.ContentLength)
	}))
	defer server.Close()
	networked(server.URL).Refresh(t.Context(), secret.New("r"), "")
	require.EqualValues(t, len(`{"client_id":"app_EMoamEEZ73f0CkXaXp7hrann","grant_type":"refresh_token","refresh_token":"r"}`), length.Load())
}

func TestKeptTransportKeepsConnectionsAndRepeatsNothing(t *testing.T) {
	var connections, requests atomic.Int32
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if requests.Add(1) == 3 {
			panic(http.ErrAbortHandler)
		}
	}))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	server.Start()
	defer server.Close()
	transport, err := oauth.New(oauth.Options{}).KeptTransport()
	require.NoError(t, err)
	post := func() error {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL, strings.NewReader("{}"))
		require.NoError(t, err)
		response, err := transport.RoundTrip(request)
		if err == nil {
			io.Copy(io.Discard, response.Body)
			response.Body.Close()
		}
		return err
	}
	require.NoError(t, post())
	require.NoError(t, post())
	require.Equal(t, int32(1), connections.Load())
	require.Error(t, post())
	require.Equal(t, int32(3), requests.Load())
}

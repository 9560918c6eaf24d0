// Package mcp runs bezoar mcp-proxy between a client and a server of the official SDK of the
// Model Context Protocol.
package mcp

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/properties/programtest"
	"github.com/bezoar-auth/bezoar/protocol/oauth/issuer"
)

func TestMain(m *testing.M) { programtest.Main(m) }

// sdkVariable names the program of testdata/sdk. .ci/run makes it.
const sdkVariable = "BEZOAR_TEST_MCP_SDK"

// world is a server of the SDK behind a gate that wants tokens of a scripted issuer, and the
// home of a login there.
type world struct {
	t       *testing.T
	sdk     string
	program string
	issuer  *issuer.Issuer
	at      string // the address of the issuer
	home    string
	address string // of the gate
	login   machine.Credential

	mu       sync.Mutex
	arrived  map[int]int // requests by the status that the gate or the server gave
	refuses  bool        // the gate refuses every token
	dead     map[secret.Fingerprint]bool
	scope    string // that the gate wants, "" for none
	sessions map[string]bool

	registered int // registrations
}

// newWorld starts all but the client. how are the words of the server: whether it keeps
// sessions, and its versions, none for all.
func newWorld(t *testing.T, how ...string) *world {
	t.Parallel()
	sdk := os.Getenv(sdkVariable)
	if sdk == "" {
		t.Skip(sdkVariable + " names no program: .ci/run makes it")
	}
	program, err := programtest.Path()
	require.NoError(t, err)
	w := &world{t: t, sdk: sdk, program: program, home: t.TempDir(), arrived: map[int]int{}, sessions: map[string]bool{}, dead: map[secret.Fingerprint]bool{}}
	w.issue()
	w.serve(how)
	w.logIn()
	return w
}

// issue starts the issuer, with metadata by which a program can register itself.
func (w *world) issue() {
	server := httptest.NewUnstartedServer(nil)
	w.at = "http://" + server.Listener.Addr().String()
	w.issuer = issuer.New(issuer.Options{ClientID: "registered", AutoConsent: true, Dialect: &issuer.Plain{Issuer: w.at}})
	mux := http.NewServeMux()
	mux.Handle("/", w.issuer)
	mux.HandleFunc("GET /.well-known/oauth-authorization-server", func(rw http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(rw, `{"issuer":%q,"authorization_endpoint":%q,"token_endpoint":%q,"revocation_endpoint":%q,"registration_endpoint":%q,`+
			`"scopes_supported":["files","offline_access"],"code_challenge_methods_supported":["S256"],"authorization_response_iss_parameter_supported":true}`,
			w.at, w.at+"/authorize", w.at+"/token", w.at+"/revoke", w.at+"/register")
	})
	mux.HandleFunc("POST /register", func(rw http.ResponseWriter, _ *http.Request) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.registered++
		rw.WriteHeader(http.StatusCreated)
		fmt.Fprint(rw, `{"client_id":"registered"}`)
	})
	server.Config.Handler = mux
	server.Start()
	w.t.Cleanup(server.Close)
}

// serve starts the server of the SDK, and the gate before it.
func (w *world) serve(how []string) {
	server := exec.Command(w.sdk, append([]string{"server"}, how...)...)
	open, err := server.StdinPipe()
	require.NoError(w.t, err)
	out, err := server.StdoutPipe()
	require.NoError(w.t, err)
	require.NoError(w.t, server.Start())
	w.t.Cleanup(func() {
		open.Close()
		_ = server.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(w.t, err)
	target, err := url.Parse(strings.TrimSpace(line))
	require.NoError(w.t, err)
	forward := &httputil.ReverseProxy{FlushInterval: -1, Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Header.Del("Authorization")
	}, ModifyResponse: func(r *http.Response) error {
		w.count(r.StatusCode, r.Header.Get("Mcp-Session-Id"))
		return nil
	}}
	gate := httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/metadata" {
			fmt.Fprintf(rw, `{"resource":%q,"authorization_servers":[%q]}`, w.address, w.at)
			return
		}
		status, challenge := w.judge(r)
		if status == http.StatusOK {
			forward.ServeHTTP(rw, r)
			return
		}
		w.count(status, "")
		rw.Header().Set("WWW-Authenticate", challenge)
		rw.WriteHeader(status)
	}))
	w.address = "http://" + gate.Listener.Addr().String() + "/mcp"
	gate.Start()
	w.t.Cleanup(gate.Close)
}

// judge says what the gate answers: 200 lets a request pass.
func (w *world) judge(r *http.Request) (status int, challenge string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	switch {
	case w.refuses || w.dead[secret.New(token).Fingerprint()] || !w.issuer.Serves(secret.New(token)):
		return http.StatusUnauthorized, `Bearer error="invalid_token", scope="files", resource_metadata="` + strings.TrimSuffix(w.address, "/mcp") + `/metadata"`
	case w.scope != "":
		return http.StatusForbidden, fmt.Sprintf(`Bearer error="insufficient_scope", scope=%q`, w.scope)
	}
	return http.StatusOK, ""
}

func (w *world) count(status int, session string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.arrived[status]++
	if session != "" {
		w.sessions[session] = true
	}
}

// statuses is how many requests had an answer with a status.
func (w *world) statuses(status int) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.arrived[status]
}

// proxy are the words that start bezoar mcp-proxy.
func (w *world) proxy(flags ...string) []string {
	return append([]string{w.program, "mcp-proxy", w.address, "--home", w.home}, flags...)
}

// client is a client of the SDK before a proxy of its own.
type client struct {
	w     *world
	in    io.WriteCloser
	lines *bufio.Scanner
	log   lockedText
	ended chan error
}

// said is a line of the client.
type said struct {
	Version  string
	Tools    []string
	Sums     []int
	Progress int
	Errors   []string
}

// start starts a client that begins with a version.
func (w *world) start(version string) (*client, said) {
	process := exec.Command(w.sdk, append([]string{"client", version}, w.proxy()...)...)
	c := &client{w: w, ended: make(chan error, 1)}
	process.Stderr = &c.log
	var err error
	c.in, err = process.StdinPipe()
	require.NoError(w.t, err)
	out, err := process.StdoutPipe()
	require.NoError(w.t, err)
	require.NoError(w.t, process.Start())
	c.lines = bufio.NewScanner(out)
	c.lines.Buffer(nil, 1<<20)
	first := c.hear()
	go func() { c.ended <- process.Wait() }()
	w.t.Cleanup(func() { c.in.Close() })
	return c, first
}

func (c *client) hear() said {
	require.True(c.w.t, c.lines.Scan(), "the client has ended: %s", &c.log)
	var s said
	require.NoError(c.w.t, json.Unmarshal(c.lines.Bytes(), &s))
	return s
}

// call calls a tool several times at once.
func (c *client) call(tool string, times int) said {
	_, err := fmt.Fprintf(c.in, "%s %d\n", tool, times)
	require.NoError(c.w.t, err)
	return c.hear()
}

// end ends the client, which ends its proxy.
func (c *client) end() {
	c.in.Close()
	require.NoError(c.w.t, <-c.ended, "%s", &c.log)
}

// lockedText is what a process writes, for another goroutine to read.
type lockedText struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lockedText) Write(text []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(text)
}

func (l *lockedText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

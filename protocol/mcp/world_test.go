package mcp_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/protocol/mcp"
)

const server = "https://mcp.example/mcp"

// world is a client before a proxy before a scripted server, in a bubble.
type world struct {
	t       *testing.T
	in      *io.PipeWriter
	out     *bufio.Reader
	login   *login
	log     bytes.Buffer
	ended   chan error
	stop    context.CancelFunc
	handler http.HandlerFunc // the server

	mu       sync.Mutex
	requests []request
}

// request is what arrived at the server.
type request struct {
	method, url, body string
	header            http.Header
}

// inWorld runs a test in a bubble. serve answers the requests of the proxy.
func inWorld(t *testing.T, serve http.HandlerFunc, test func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, serve)
		defer w.in.Close() // also if the test fails
		test(w)
		w.in.Close()
		w.stop()
		go io.Copy(io.Discard, w.out)
		<-w.ended
		require.NotContains(t, w.log.String(), "token-", "the log holds a token")
	})
}

func newWorld(t *testing.T, serve http.HandlerFunc) *world {
	w := &world{t: t, login: &login{current: "token-1"}, ended: make(chan error, 1), handler: serve}
	read, in := io.Pipe()
	out, write := io.Pipe()
	w.in, w.out = in, bufio.NewReader(out)
	address, err := url.Parse(server)
	require.NoError(t, err)
	proxy := mcp.New(read, write, mcp.Options{
		Server: address, Login: w.login, Transport: w, LimitBytes: 1 << 20,
		Log: slog.New(slog.NewTextHandler(&w.log, nil)), Relogin: func(scope string) string { return "log in with " + scope },
	})
	ctx, stop := context.WithCancel(context.Background())
	w.stop = stop
	go func() {
		err := proxy.Serve(ctx)
		write.Close()
		w.ended <- err
	}()
	return w
}

// say writes lines as the client.
func (w *world) say(lines ...string) {
	for _, line := range lines {
		_, err := io.WriteString(w.in, line+"\n")
		require.NoError(w.t, err)
	}
}

// hear reads the next line as the client.
func (w *world) hear() string {
	line, err := w.out.ReadString('\n')
	require.NoError(w.t, err)
	return strings.TrimSuffix(line, "\n")
}

// arrived are the requests by now, as METHOD and body.
func (w *world) arrived() (all []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, each := range w.requests {
		all = append(all, strings.TrimSpace(each.method+" "+each.body))
	}
	return all
}

func (w *world) last() request {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.requests[len(w.requests)-1]
}

// begin begins a session as a client of 2025-11-25 does.
func (w *world) begin() {
	w.say(initialize)
	require.Contains(w.t, w.hear(), `"protocolVersion"`)
	w.say(initialized)
	synctest.Wait()
}

const (
	initialize  = `{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"c","version":"1"}}}`
	initialized = `{"jsonrpc":"2.0","method":"notifications/initialized"}`
)

// session is a server that begins sessions s1, s2 and so on, has no stream of its own, and
// leaves the rest to another one.
func session(rest http.HandlerFunc) http.HandlerFunc {
	begun := 0
	return func(w http.ResponseWriter, r *http.Request) {
		body := bodyOf(r)
		switch {
		case strings.Contains(body, `"initialize"`):
			begun++
			wait(r, time.Second)
			w.Header().Set("Mcp-Session-Id", fmt.Sprintf("s%d", begun))
			answer(w, `{"jsonrpc":"2.0","id":0,"result":{"protocolVersion":"2025-06-18"}}`)
		case body == initialized:
			w.WriteHeader(http.StatusAccepted)
		case r.Method != http.MethodPost:
			w.WriteHeader(http.StatusMethodNotAllowed)
		default:
			rest(w, r)
		}
	}
}

func bodyOf(r *http.Request) string { return r.Context().Value(bodyKey{}).(string) }

type bodyKey struct{}

func answer(w http.ResponseWriter, body string) {
	w.Header().Set("Content-Type", "application/json")
	io.WriteString(w, body)
}

// wait waits in a handler, as long as the connection is there.
func wait(r *http.Request, d time.Duration) {
	select {
	case <-time.After(d):
	case <-r.Context().Done():
	}
}

// stream begins a stream of events, and returns what writes to it.
func stream(w http.ResponseWriter) func(text string) {
	w.Header().Set("Content-Type", "text/event-stream")
	w.WriteHeader(http.StatusOK)
	return func(text string) {
		io.WriteString(w, text)
		w.(http.Flusher).Flush()
	}
}

// RoundTrip lets the server answer, as a network would: what it writes comes at once.
func (w *world) RoundTrip(r *http.Request) (*http.Response, error) {
	body := ""
	if r.Body != nil {
		read, _ := io.ReadAll(r.Body)
		body = string(read)
	}
	w.mu.Lock()
	w.requests = append(w.requests, request{r.Method, r.URL.String(), body, r.Header.Clone()})
	w.mu.Unlock()
	if trace := httptrace.ContextClientTrace(r.Context()); trace != nil && trace.WroteRequest != nil {
		trace.WroteRequest(httptrace.WroteRequestInfo{})
	}
	ctx, gone := context.WithCancel(r.Context())
	read, write := io.Pipe()
	answer := &writer{header: http.Header{}, body: write, begun: make(chan int, 1)}
	go func() {
		defer write.Close()
		defer func() {
			if reason := recover(); reason != nil {
				write.CloseWithError(errors.New("broken"))
			}
		}()
		w.handler(answer, r.WithContext(context.WithValue(ctx, bodyKey{}, body)))
		answer.WriteHeader(http.StatusOK)
	}()
	context.AfterFunc(ctx, func() { write.CloseWithError(ctx.Err()) })
	select {
	case status := <-answer.begun:
		return &http.Response{StatusCode: status, Header: answer.header, Body: closing{read, gone}, Request: r}, nil
	case <-r.Context().Done():
		gone()
		return nil, r.Context().Err()
	}
}

type closing struct {
	*io.PipeReader
	gone context.CancelFunc
}

func (c closing) Close() error {
	c.gone()
	return c.PipeReader.Close()
}

// writer is a response that is sent as it is written.
type writer struct {
	header http.Header
	body   *io.PipeWriter
	once   sync.Once
	begun  chan int
}

func (w *writer) Header() http.Header { return w.header }
func (w *writer) Flush()              {}
func (w *writer) WriteHeader(status int) {
	w.once.Do(func() { w.begun <- status })
}
func (w *writer) Write(text []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.body.Write(text)
}

// login has tokens token-1, token-2 and so on, each the successor of the one before.
type login struct {
	mu       sync.Mutex
	current  string
	problem  error
	reported []string // the tokens that were refused, each time
	next     int
	isNew    bool // the token is too new to be refreshed
}

func (l *login) Token(context.Context) (secret.Token, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return secret.New(l.current), l.problem
}

func (l *login) Refused(_ context.Context, token secret.Token) (secret.Token, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.reported = append(l.reported, token.Reveal())
	if token.Reveal() == l.current && !l.isNew {
		l.next++
		l.current = fmt.Sprintf("token-%d", l.next+1)
	}
	return secret.New(l.current), l.problem
}

func (l *login) reports() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string(nil), l.reported...)
}

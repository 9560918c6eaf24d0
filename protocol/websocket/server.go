package websocket

import (
	"cmp"
	"context"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/coder/websocket"

	"github.com/bezoar-auth/bezoar/protocol/loopback"
)

// Options of Serve. Handle is required.
type Options struct {
	// Handle serves one connection. It runs on a goroutine of its own, and has to end
	// soon after the end of the context that Serve was given. The connection ends with it.
	Handle func(*Conn)
	// Token is what clients have to show as a bearer token, nil for none.
	Token *TokenDigest
	// IsPrivate says that only the user's own programs reach the listener: any name may
	// stand in a Host header.
	IsPrivate bool
	// ConnectionLimit is how many clients may be connected at once, 512 if 0. One more is
	// answered with 503.
	ConnectionLimit int
	// Log gets what is wrong with a connection. nil for no log.
	Log *slog.Logger
}

// The bounds of a connection that is not a WebSocket yet: any program that reaches the
// listener can open one, and must not keep this one from opening its own files.
const (
	handshakesAtOnce = 64
	handshakeLimit   = 5 * time.Second
	headerLimitBytes = 16 << 10
	clientsAtOnce    = 512
)

// unfragmentedHeader tells a client of Codex how long a message in one frame may be.
const unfragmentedHeader = "X-Codex-Websocket-Max-Unfragmented-Message-Bytes"

type server struct {
	options Options
	places  chan struct{}

	mu      sync.Mutex
	isEnded bool           // no connection begins any more; guarded by mu
	clients sync.WaitGroup // Add only with mu, and not after isEnded
}

// Serve takes connections at listener until ctx ends. Then it closes the listener, and
// returns when every Handle has returned: nil, or the error of a listener that ended
// before ctx. GET /readyz and /healthz are answered with 200, every other path is a
// WebSocket, as in Codex.
func Serve(ctx context.Context, listener net.Listener, options Options) error {
	options.Log = cmp.Or(options.Log, slog.New(slog.DiscardHandler))
	s := &server{options: options, places: make(chan struct{}, cmp.Or(options.ConnectionLimit, clientsAtOnce))}
	handshakes := loopback.NewConnections(handshakesAtOnce)
	web := &http.Server{
		Handler:   s,
		ConnState: handshakes.Changed,
		ConnContext: func(ctx context.Context, raw net.Conn) context.Context {
			return context.WithValue(ctx, rawKey{}, raw)
		},
		ReadHeaderTimeout: handshakeLimit, IdleTimeout: handshakeLimit, MaxHeaderBytes: headerLimitBytes,
		ErrorLog: slog.NewLogLogger(options.Log.Handler(), slog.LevelWarn),
	}
	served := make(chan error, 1)
	go func() { served <- web.Serve(listener) }()
	var err error
	select {
	case err = <-served:
		if ctx.Err() != nil {
			err = nil // the caller has closed the listener with it
		}
	case <-ctx.Done():
		defer func() { <-served }()
	}
	s.mu.Lock()
	s.isEnded = true
	s.mu.Unlock()
	web.Close() // those that are WebSockets by now are not its own any more
	s.clients.Wait()
	return err
}

type rawKey struct{}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case s.refuse(w, r):
	case r.URL.Path == "/readyz" || r.URL.Path == "/healthz":
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "only GET and HEAD", http.StatusMethodNotAllowed)
		}
	case s.admits(w, r):
		s.connect(w, r)
	}
}

func (s *server) connect(w http.ResponseWriter, r *http.Request) {
	leave, ok := s.enter()
	if !ok {
		http.Error(w, "too many clients are connected, or the server ends", http.StatusServiceUnavailable)
		return
	}
	defer leave()
	w.Header().Set(unfragmentedHeader, strconv.Itoa(MessageLimitBytes))
	ws, err := websocket.Accept(w, r, nil)
	if err != nil {
		s.options.Log.Debug("no WebSocket", "error", err)
		return // it has been answered
	}
	conn := newConn(ws, r.Context().Value(rawKey{}).(net.Conn))
	defer conn.Close()
	s.options.Handle(conn)
}

// enter takes a place for a client, if one is free.
func (s *server) enter() (leave func(), ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.isEnded {
		return nil, false
	}
	select {
	case s.places <- struct{}{}:
	default:
		return nil, false
	}
	s.clients.Add(1)
	return func() {
		<-s.places
		s.clients.Done()
	}, true
}

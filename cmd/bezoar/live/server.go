package live

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/bezoar-auth/bezoar/machine/engine"
	"github.com/bezoar-auth/bezoar/protocol"
	"github.com/bezoar-auth/bezoar/protocol/jsonrpc"
	"github.com/bezoar-auth/bezoar/protocol/loopback"
)

// Server serves the live page of one app-server. Take its port with [Listen], before
// the engine starts; let it see posts and asks with Watch and Count; Show the engine;
// Close it after the engine. A nil Server shows nothing, and all its methods work.
type Server struct {
	recorder *recorder
	listener net.Listener
	end      func()
}

// ErrNotLoopback reports an address that another machine could reach, or that is none.
// Choose 127.0.0.1 with any port, or port 0.
var ErrNotLoopback = errors.New("the live page takes 127.0.0.1:PORT (port 0: any), an address that no other machine can reach")

// Listen takes a port at an address that only this machine can reach. It returns the nil
// Server for no address, ErrNotLoopback for one that another machine could reach, and an
// error of net.Listen if the port is not free.
func Listen(address string) (*Server, error) {
	if address == "" {
		return nil, nil
	}
	listener, err := listen(address)
	if err != nil {
		return nil, err
	}
	return &Server{recorder: newRecorder(nil), listener: listener}, nil
}

func listen(address string) (net.Listener, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, ErrNotLoopback
	}
	if host == "localhost" {
		host = "127.0.0.1" // whatever a hosts file says
	}
	if !loopback.Host(host) {
		return nil, ErrNotLoopback
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(host, port))
	if err != nil {
		return nil, fmt.Errorf("listen for the live page: %w", err)
	}
	return listener, nil
}

// Watch returns an issuer that passes everything on to issuer, and records its posts:
// when, why, how long and how they ended, without the tokens.
func (s *Server) Watch(issuer engine.AuthorizationServer) engine.AuthorizationServer {
	if s == nil {
		return issuer
	}
	return watched{issuer, s.recorder}
}

// Count returns a handler that passes everything on to handler, and counts the clients
// that ask for their status.
func (s *Server) Count(handler jsonrpc.Handler) jsonrpc.Handler {
	if s == nil {
		return handler
	}
	return counted{handler, s.recorder}
}

type counted struct {
	jsonrpc.Handler
	recorder *recorder
}

func (c counted) Request(request jsonrpc.Request) {
	if request.Method == protocol.GetAuthStatus || request.Method == protocol.AccountRead {
		c.recorder.asked()
	}
	c.Handler.Request(request)
}

// Show serves the page until Close, writes its address into the home for
// [PageFiles], and tells it to the user, a line at a time.
func (s *Server) Show(home string, options Options, tell func(line string)) {
	if s == nil {
		return
	}
	page := newPage(s.recorder, options)
	file := &PageFile{URL: page.url(s.listener.Addr()), PID: os.Getpid()}
	if err := file.write(home); err != nil {
		tell(fmt.Sprintf("bezoar inspect will not find the live page: %v", err))
	}
	tell("the live page, for you alone: " + file.URL)
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan struct{})
	go func() {
		defer close(served)
		page.serve(ctx, s.listener) // a page that ends early is no reason to end the program
	}()
	s.end = func() {
		file.remove() // before the wait: the system may be about to kill this program
		cancel()
		<-served
	}
}

// Close ends the page and removes its file.
func (s *Server) Close() {
	if s != nil {
		s.end()
	}
}

// The bounds of the server. Any program on this machine may connect, and must not
// keep this one from opening its own files.
const (
	connectionLimit  = 64
	headerLimitBytes = 16 << 10
	headerLimit      = 5 * time.Second
	idleLimit        = time.Minute
	shutdownLimit    = 250 * time.Millisecond
)

// serve follows the source and answers at listener until ctx ends, and then closes
// every connection. It returns nil then, and the error of the listener if that ended
// first. It closes the listener.
func (p *page) serve(ctx context.Context, listener net.Listener) error {
	connections := loopback.NewConnections(connectionLimit)
	server := &http.Server{
		Handler: p, BaseContext: func(net.Listener) context.Context { return ctx },
		ConnState: connections.Changed, ConnContext: connections.InContext,
		ReadHeaderTimeout: headerLimit, IdleTimeout: idleLimit, MaxHeaderBytes: headerLimitBytes,
	}
	served := make(chan error, 1)
	go func() {
		stop := p.options.Source.Subscribe(p.recorder.changed) // may wait for the engine's first look
		defer stop()
		served <- server.Serve(listener)
	}()
	select {
	case err := <-served:
		return fmt.Errorf("serve the live page: %w", err)
	case <-ctx.Done():
	}
	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownLimit)
	defer cancel()
	server.Shutdown(limit) // streams end with ctx; a connection that does not end is cut off
	server.Close()
	<-served
	return nil
}

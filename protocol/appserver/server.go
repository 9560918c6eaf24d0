// Package appserver answers the account surface of the app-server protocol
// over one connection: it decodes a request, asks the engine and words the
// answer. It keeps no login state of its own.
package appserver

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/engine"
	"github.com/bezoar-auth/bezoar/protocol"
	"github.com/bezoar-auth/bezoar/protocol/chatgpt"
	"github.com/bezoar-auth/bezoar/protocol/jsonrpc"
	"github.com/bezoar-auth/bezoar/protocol/login"
)

// Options is what a server is made of.
type Options struct {
	Engine       *engine.Engine
	Client       *protocol.ClientInfo // who will speak, as far as is known before initialize; nil if it is not
	Home         string               // absolute; told to the client
	Version      string
	Terminal     string // how the user agent calls the terminal, e.g. "xterm"
	RequiresAuth bool   // the model provider wants an OpenAI login
	Restriction  machine.Restriction
	Warnings     []protocol.ConfigWarningNotification
	Now          func() time.Time // time.Now

	Logins  *login.Manager  // saves to Engine
	Backend *chatgpt.Client // knows the rate limits

	// Introduce is told who the client is, for the requests to the issuer.
	Introduce func(originator, userAgent string)
}

// Server is the handler of one connection. Request and Notification are called
// on the connection's reading goroutine, one after another.
type Server struct {
	Options
	conn     *jsonrpc.Conn
	inflight inflight
	limits   sharers
	latest   sync.Mutex // held while it is told who is logged in: who looks first is heard first
	status   statusEncoder
	queued   chan struct{} // full while as many requests wait for a refresh as may

	// For the reading goroutine alone.
	prevLoginReported <-chan struct{} // closed when the end of the latest login was told; nil before the first
	initialized       bool
	experimental      bool
	silenced          []string // notification methods that the client does not want
}

// New makes the server of conn; give it to conn.Serve.
func New(conn *jsonrpc.Conn, options Options) *Server {
	if options.Now == nil {
		options.Now = time.Now
	}
	s := &Server{Options: options, conn: conn, queued: make(chan struct{}, queueLimit)}
	if client := s.Client; client != nil && isHeaderValue(client.Name) {
		s.Introduce(client.Name, s.userAgent(*client))
	}
	return s
}

// queueLimit is how many requests of a client may wait for a refresh. Then no further
// line is read until the refresh or its deadline has answered them: a client that
// demands a million refreshes waits, and does not fill the memory.
const queueLimit = 4096

// queue has the engine answer what is not known at once.
func (s *Server) queue(ask machine.Ask, answer func(*machine.State)) {
	s.queued <- struct{}{}
	s.Engine.Enqueue(ask, func(snapshot *machine.State) {
		<-s.queued
		answer(snapshot)
	})
}

// Drain begins the end: it ends the login that is under way, and any that begins
// later, has the engine post nothing any more, and waits until all that was asked is
// answered. At ctx's end what still waits is answered with what there is, or with an
// error. It returns ctx's error if a request was left without an answer.
func (s *Server) Drain(ctx context.Context) error {
	_ = s.Logins.Close(ctx) // what is not over by now has no engine to be saved to
	s.Engine.Drain(ctx)
	answered := s.inflight.Idle()
	select {
	case <-answered:
		return nil
	case <-ctx.Done():
		s.inflight.abort()
	}
	select {
	case <-answered:
		return nil
	case <-time.After(abortGrace):
		return ctx.Err()
	}
}

// Close is Drain, and then closes the engine: until ctx ends, the refresh that has
// posted is waited for and saved. It returns the error of Drain.
func (s *Server) Close(ctx context.Context) error {
	err := s.Drain(ctx)
	s.Engine.Close(ctx)
	return err
}

// abortGrace is how much longer the answers may take that were hurried.
const abortGrace = 250 * time.Millisecond

// Request serves one request: an unknown method and bad parameters come before
// the handshake, as in the reference.
func (s *Server) Request(request jsonrpc.Request) {
	serve, known := methods[request.Method]
	if !known {
		s.conn.ReplyError(request.ID, unknownVariant(request.Method, methodNames))
		return
	}
	serve(s, request)
}

// Notification takes note of what a client says unasked. All of it may be
// ignored: "initialized" is optional, and the rest is not for this server.
func (s *Server) Notification(jsonrpc.Notification) {}

// methodNames lists the methods in the order in which an error names them.
var methodNames = []string{
	protocol.Initialize,
	protocol.AccountRead,
	protocol.LoginStart,
	protocol.LoginCancel,
	protocol.AccountLogout,
	protocol.RateLimitsRead,
	protocol.HealthRead,
	protocol.GetAuthStatus,
}

var methods map[string]func(*Server, jsonrpc.Request)

func init() { // not in the declaration: the methods refer to the table
	methods = map[string]func(*Server, jsonrpc.Request){
		protocol.Initialize:     decoded(initializeParams.params, (*Server).initialize),
		protocol.GetAuthStatus:  decoded(getAuthStatusParams.params, afterHandshake((*Server).getAuthStatus)),
		protocol.AccountRead:    decoded(getAccountParams.params, afterHandshake((*Server).accountRead)),
		protocol.LoginStart:     decoded(decodeLoginStart, afterHandshake((*Server).loginStart)),
		protocol.LoginCancel:    decoded(cancelParams.params, afterHandshake((*Server).loginCancel)),
		protocol.AccountLogout:  decoded(decodeNothing, afterHandshake((*Server).accountLogout)),
		protocol.RateLimitsRead: decoded(decodeNothing, afterHandshake((*Server).rateLimitsRead)),
		protocol.HealthRead:     decoded(decodeNothing, afterHandshake((*Server).healthRead)),
	}
}

// decoded is a method whose parameters are decoded before anything else.
func decoded[P any](decode func(jsonrpc.Request) (P, *jsonrpc.Error), serve func(*Server, jsonrpc.ID, P)) func(*Server, jsonrpc.Request) {
	return func(s *Server, request jsonrpc.Request) {
		params, err := decode(request)
		if err != nil {
			s.conn.ReplyError(request.ID, err)
			return
		}
		serve(s, request.ID, params)
	}
}

// afterHandshake is a method that wants initialize to come first.
func afterHandshake[P any](serve func(*Server, jsonrpc.ID, P)) func(*Server, jsonrpc.ID, P) {
	return func(s *Server, id jsonrpc.ID, params P) {
		if !s.initialized {
			s.conn.ReplyError(id, invalid("Not initialized"))
			return
		}
		serve(s, id, params)
	}
}

func (s *Server) notify(method string, params any) {
	if !slices.Contains(s.silenced, method) {
		s.conn.Notify(method, params)
	}
}

// commandLimit bounds the wait for a login's or a logout's place in the engine's queue. It
// is longer than the engine waits for the disk, which so has the word.
const commandLimit = 12 * time.Second

func (s *Server) briefly() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), commandLimit)
}

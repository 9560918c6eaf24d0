// Package appserver serves the account methods of Codex's app-server protocol to one
// client over one connection: it decodes a request, asks the engine, and encodes the
// answer with the texts that Codex has. It keeps no login state of its own.
//
// To follow a request, begin at [Server.Request]: jsonrpc calls it with a decoded line,
// the table of methods below names the handler, and the handler stands in the file of
// its subject. A poll is read in status.go, a login and a logout in login.go, tokens of
// the client in external.go, rate limits in ratelimits.go.
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

// Options configure a [Server]. Engine, Logins, Backend and Introduce are required.
type Options struct {
	Engine       *engine.Engine
	Renewer      *Renewer             // the engine's, if it has one
	Audience     *Audience            // the clients of the engine, nil if this one is the only one
	Client       *protocol.ClientInfo // the client, if the command line names it; nil until initialize otherwise
	Home         string               // absolute
	Version      string
	Terminal     string // the terminal's name in the user agent, e.g. "xterm"
	RequiresAuth bool   // the model provider needs an OpenAI login
	Restriction  machine.Restriction
	Warnings     []protocol.ConfigWarningNotification
	Now          func() time.Time // time.Now

	// IsHealthAsked has a client notified of the health only after it has called
	// account/health/read: for one that may know Codex's notifications alone.
	IsHealthAsked bool

	Logins  *login.Manager  // saves to Engine
	Backend *chatgpt.Client // has the rate limits

	// Introduce sets the originator and the user agent of all further requests to
	// the issuer and the backend.
	Introduce func(originator, userAgent string)
}

// Server is the handler of one connection. The connection calls Request and
// Notification on its reading goroutine, one after another.
type Server struct {
	options  Options
	conn     *jsonrpc.Conn
	inflight inflight
	limits   sharers
	update   sync.Mutex // held from the snapshot to the notification: the last notification shows the latest login
	status   statusEncoder
	queued   chan struct{} // a place for each request that waits for a refresh; full at the limit

	hasLeft bool                          // guarded by the audience
	hold    func(isNew bool, send func()) // see Hold; nil for a server that stands alone

	healthMu   sync.Mutex
	stopHealth func() // ends the subscription to the health, nil before it
	isDeaf     bool   // there is no subscription any more

	// Of the reading goroutine alone, but for silenced, which the handshake sets for good.
	initialized  bool
	client       protocol.ClientInfo
	experimental bool
	silenced     []string // notification methods that the client does not want
}

// New makes the server of conn; give it to conn.Serve.
func New(conn *jsonrpc.Conn, options Options) *Server {
	if options.Now == nil {
		options.Now = time.Now
	}
	if options.Renewer == nil {
		options.Renewer = new(Renewer)
	}
	if options.Audience == nil {
		options.Audience = new(Audience)
	}
	s := &Server{options: options, conn: conn, queued: make(chan struct{}, queueLimit)}
	if client := s.options.Client; client != nil && isHeaderValue(client.Name) {
		s.options.Introduce(client.Name, s.userAgent(*client, s.options.Version))
	}
	return s
}

// Drain begins the end: it interrupts the login under way and every later one, has the
// engine start no further post, and waits until every request is answered. At ctx's end
// it answers the rest with what is known, or with an error. It returns ctx's error if a
// request has no answer.
func (s *Server) Drain(ctx context.Context) error {
	_ = s.options.Logins.Close(ctx) // a login that is not over by then is not saved: the engine is drained
	s.options.Engine.Drain(ctx)
	return s.Finish(ctx)
}

// Finish is the part of [Server.Drain] that concerns this connection alone, for a server
// whose engine goes on: it waits until every request is answered, and returns as Drain does.
// After it the server hears no more of what changes. A login that this client has begun
// goes on, and the others are notified of its end.
func (s *Server) Finish(ctx context.Context) error {
	defer s.options.Audience.leave(s)
	defer s.endHealth()
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

// Close is [Server.Drain], and then closes the engine: until ctx ends, it waits for a
// refresh that has posted and saves the result. It returns the error of Drain.
func (s *Server) Close(ctx context.Context) error {
	err := s.Drain(ctx)
	s.options.Engine.Close(ctx)
	return err
}

// abortGrace is how long the answers that were aborted may still take.
const abortGrace = 250 * time.Millisecond

// Request serves one request. As in Codex, an unknown method and bad parameters are
// errors before the handshake, too.
func (s *Server) Request(request jsonrpc.Request) {
	serve, known := methods[request.Method]
	if !known {
		s.conn.ReplyError(request.ID, unknownVariant(request.Method, methodNames))
		return
	}
	serve(s, request)
}

// Notification ignores a notification of the client: "initialized" is optional, and
// the others concern no account.
func (s *Server) Notification(jsonrpc.Notification) {}

// methodNames lists the methods in the order of the error about an unknown one.
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

func init() { // a declaration would be a cycle: the handlers refer to the table
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

// decoded is a method whose parameters are decoded first.
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

// afterHandshake is a method that needs initialize before it.
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

// commandLimit bounds how long a login or a logout waits for the engine. It is longer
// than the engine waits for the store, so that the client gets the store's error.
const commandLimit = 12 * time.Second

func (s *Server) commandContext() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), commandLimit)
}

// invalid is the error for all that a client can do wrong; Codex has one code for it.
func invalid(message string) *jsonrpc.Error {
	return &jsonrpc.Error{Code: jsonrpc.CodeInvalidRequest, Message: message}
}

func internal(message string) *jsonrpc.Error {
	return &jsonrpc.Error{Code: jsonrpc.CodeInternal, Message: message}
}

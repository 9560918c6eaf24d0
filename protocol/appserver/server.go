// Package appserver answers the account surface of the app-server protocol
// over one connection: it decodes a request, asks the engine and words the
// answer. It keeps no login state of its own.
package appserver

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/engine"
	"github.com/bezoar-auth/bezoar/protocol"
	"github.com/bezoar-auth/bezoar/protocol/jsonrpc"
)

// Options is what a server is made of.
type Options struct {
	Engine       *engine.Engine
	Home         string // absolute; told to the client
	Version      string
	Terminal     string // how the user agent calls the terminal, e.g. "xterm"
	RequiresAuth bool   // the model provider wants an OpenAI login
	Restriction  machine.Restriction
	Warnings     []protocol.ConfigWarningNotification
	Log          *slog.Logger
	Now          func() time.Time

	// Introduce is told who the client is, for the requests to the issuer.
	Introduce func(originator, userAgent string)
}

// Server is the handler of one connection. Its methods are called on the
// connection's reading goroutine, one after another.
type Server struct {
	Options
	conn        *jsonrpc.Conn
	initialized bool
	silenced    []string // notification methods that the client does not want
}

// New makes the server of conn; give it to conn.Serve.
func New(conn *jsonrpc.Conn, options Options) *Server {
	return &Server{Options: options, conn: conn}
}

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
	protocol.GetAuthStatus,
}

var methods map[string]func(*Server, jsonrpc.Request)

func init() { // not in the declaration: the methods refer to the table
	methods = map[string]func(*Server, jsonrpc.Request){
		protocol.Initialize:    decoded(initializeParams.params, (*Server).initialize),
		protocol.GetAuthStatus: decoded(getAuthStatusParams.params, afterHandshake((*Server).getAuthStatus)),
		protocol.AccountRead:   decoded(getAccountParams.params, afterHandshake((*Server).accountRead)),
		protocol.LoginStart:    decoded(decodeLoginStart, afterHandshake((*Server).loginStart)),
		protocol.LoginCancel:   decoded(cancelParams.params, afterHandshake((*Server).loginCancel)),
		protocol.AccountLogout: decoded(decodeNothing, afterHandshake((*Server).accountLogout)),
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

// patience bounds the wait for a login's or a logout's place in the engine's
// queue and for the disk behind it.
const patience = 10 * time.Second

func (s *Server) briefly() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), patience)
}

package server

import (
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/cli"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/config"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/live"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/session"
	"github.com/bezoar-auth/bezoar/machine/engine"
	"github.com/bezoar-auth/bezoar/protocol"
	"github.com/bezoar-auth/bezoar/protocol/appserver"
	"github.com/bezoar-auth/bezoar/protocol/chatgpt"
	"github.com/bezoar-auth/bezoar/protocol/jsonrpc"
	"github.com/bezoar-auth/bezoar/protocol/login"
	"github.com/bezoar-auth/bezoar/protocol/oauth"
)

// host is what all connections of an app-server share: one engine on one home, and the
// login under way.
type host struct {
	env          cli.Environment
	config       config.Config
	log          *slog.Logger
	page         *live.Server
	client       *protocol.ClientInfo // the client that the command line names, nil for none
	behind       *behind              // nil for no backend
	engine       *engine.Engine
	logins       *login.Manager
	issuer       *oauth.Client
	limits       *chatgpt.Client
	renewer      *appserver.Renewer
	audience     *appserver.Audience
	leave        leave
	isIntroduced atomic.Bool // by the handshake of a client
}

// newHost starts the engine, and shows it on the live page.
func newHost(env cli.Environment, c config.Config, client *protocol.ClientInfo, behind *behind, log *slog.Logger, page *live.Server) (*host, error) {
	issuer := session.NewIssuer(c, env.Getenv, log)
	h := &host{
		env: env, config: c, log: log, page: page, client: client, behind: behind, issuer: issuer,
		renewer: new(appserver.Renewer), audience: new(appserver.Audience),
		limits: chatgpt.New(chatgpt.Options{BaseURL: c.ChatGPTBaseURL, Rules: session.RulesOf(c), Transport: issuer.Transport()}),
	}
	options := session.EngineOptions(c, page.Watch(issuer), log)
	options.Renewer = h.renewer
	var err error
	if h.engine, err = engine.Start(options); err != nil {
		return nil, err
	}
	if behind != nil {
		go h.engine.Keep(context.Background()) // a child never asks ahead; this ends with the engine
	}
	page.Show(c.Home, pageOptions(env.Version, behind.program(), h.engine, options.Ledger), func(line string) { cli.LogLine(env, line) })
	h.logins = login.New(login.Options{Issuer: issuer, Save: h.engine.Login, Restriction: c.Restriction, Log: log})
	return h, nil
}

// A place of a client says how its connection ends.
type place int

const (
	// onlyClient is the client on standard input: the server ends with it. It may still
	// read when its input has ended.
	onlyClient place = iota
	// oneOfMany is a client at a socket: when it has gone, no answer reaches it, and the
	// others stay.
	oneOfMany
)

// unreadLimit is how much is kept for a client that does not read of what others cause, in
// bytes. The only client is not cut off: it holds up no other.
func (p place) unreadLimit() int {
	if p == oneOfMany {
		return 1 << 20
	}
	return 0
}

// connect serves one client until in ends or signals does, and returns when its requests
// are answered and the answers are written, or the limits of that are over.
func (h *host) connect(signals context.Context, in io.Reader, out io.Writer, at place) error {
	if h.behind != nil {
		return h.connectBackend(signals, in, out, at)
	}
	conn := jsonrpc.New(in, out, jsonrpc.Options{Log: h.log, UnreadLimitBytes: at.unreadLimit()})
	server := h.accept(conn)
	stop := context.AfterFunc(signals, conn.Stop)
	err := conn.Serve(h.page.Count(server))
	stop()
	return errors.Join(err, h.finish(signals, conn, server, at))
}

// finish answers what a client still waits for, and closes its connection.
func (h *host) finish(signals context.Context, conn *jsonrpc.Conn, server *appserver.Server, at place) error {
	limit := drainLimit
	if at == oneOfMany && signals.Err() == nil {
		limit = 0
	}
	drain, cancel := context.WithTimeout(h.leave.answers, limit)
	defer cancel()
	if at == onlyClient || signals.Err() != nil {
		h.drain(drain)
	}
	_ = server.Finish(drain)
	flush, cancel := context.WithTimeout(context.Background(), flushLimit)
	defer cancel()
	return conn.Close(flush)
}

// drain begins the end: no refresh and no login begins any more, and what waits for the
// engine is answered, for all connections. They may call it at the same time.
func (h *host) drain(ctx context.Context) {
	_ = h.logins.Close(ctx) // a login that is not over by then is not saved: the engine is drained
	h.engine.Drain(ctx)
}

// close waits for a refresh that has posted and saves it, also without a client.
func (h *host) close() {
	ctx, cancel := context.WithTimeout(context.Background(), h.refreshLimit())
	defer cancel()
	h.engine.Close(ctx) // the ledger has what is unfinished then
}

// accept makes the server of a connection. What the first client says of itself holds for
// all requests to the issuer and the backend, as in Codex.
func (h *host) accept(conn *jsonrpc.Conn) *appserver.Server {
	isHandshake := false
	warned := warnings(h.config)
	if h.behind != nil {
		warned = nil // the backend reads the same settings
	}
	server := appserver.New(conn, appserver.Options{
		Engine: h.engine, Logins: h.logins, Backend: h.limits, Renewer: h.renewer, Audience: h.audience,
		Client: h.client, Home: h.config.Root, Version: h.env.Version, Terminal: terminal(h.env.Getenv), Warnings: warned,
		IsHealthAsked: h.behind != nil, // a client of Codex need not know the notification
		RequiresAuth:  h.config.RequiresOpenAIAuth, Restriction: h.config.Restriction,
		Introduce: func(originator, userAgent string) {
			if h.isIntroduced.Load() || isHandshake && !h.isIntroduced.CompareAndSwap(false, true) {
				return
			}
			h.issuer.Introduce(originator, userAgent)
			h.limits.Introduce(originator, userAgent)
		},
	})
	isHandshake = true // from here on; before, it was the client that the command line names
	return server
}

// refreshLimit is how long the end waits for a refresh that has posted.
func (h *host) refreshLimit() time.Duration { return h.config.RefreshDeadline + session.StoreMargin }

func warnings(c config.Config) []protocol.ConfigWarningNotification {
	var all []protocol.ConfigWarningNotification
	for _, warning := range c.Warnings {
		each := protocol.ConfigWarningNotification{Summary: warning.Summary, Path: warning.Path}
		if warning.Details != "" {
			each.Details = &warning.Details
		}
		all = append(all, each)
	}
	return all
}

// terminal is the name of the terminal in the user agent.
func terminal(getenv func(string) string) string {
	program, version := getenv("TERM_PROGRAM"), getenv("TERM_PROGRAM_VERSION")
	if program != "" && version != "" {
		return program + "/" + version
	}
	return cmp.Or(program, getenv("TERM"), "unknown")
}

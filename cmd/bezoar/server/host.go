package server

import (
	"cmp"
	"log/slog"
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
	env     cli.Environment
	config  config.Config
	client  *protocol.ClientInfo // the client that the command line names, nil for none
	engine  *engine.Engine
	logins  *login.Manager
	issuer  *oauth.Client
	limits  *chatgpt.Client
	renewer *appserver.Renewer
}

// newHost starts the engine, and shows it on the live page.
func newHost(env cli.Environment, c config.Config, client *protocol.ClientInfo, log *slog.Logger, page *live.Server) (*host, error) {
	issuer := session.NewIssuer(c, log)
	h := &host{
		env: env, config: c, client: client, issuer: issuer, renewer: new(appserver.Renewer),
		limits: chatgpt.New(chatgpt.Options{BaseURL: c.ChatGPTBaseURL, Rules: session.RulesOf(c), Transport: issuer.Transport()}),
	}
	options := session.EngineOptions(c, page.Watch(issuer), log)
	options.Renewer = h.renewer
	var err error
	if h.engine, err = engine.Start(options); err != nil {
		return nil, err
	}
	page.Show(c.Home, pageOptions(env.Version, h.engine, options.Ledger), func(line string) { cli.LogLine(env, line) })
	h.logins = login.New(login.Options{Issuer: issuer, Save: h.engine.Login, Restriction: c.Restriction, Log: log})
	return h, nil
}

// accept makes the server of a connection.
func (h *host) accept(conn *jsonrpc.Conn) *appserver.Server {
	return appserver.New(conn, appserver.Options{
		Engine: h.engine, Logins: h.logins, Backend: h.limits, Renewer: h.renewer,
		Client: h.client, Home: h.config.Home, Version: h.env.Version, Terminal: terminal(h.env.Getenv), Warnings: warnings(h.config),
		RequiresAuth: h.config.RequiresOpenAIAuth, Restriction: h.config.Restriction,
		Introduce: func(originator, userAgent string) {
			h.issuer.Introduce(originator, userAgent)
			h.limits.Introduce(originator, userAgent)
		},
	})
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

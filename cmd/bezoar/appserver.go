package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"log/slog"
	"os/signal"
	"time"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/config"
	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/engine"
	"github.com/bezoar-auth/bezoar/protocol"
	"github.com/bezoar-auth/bezoar/protocol/appserver"
	"github.com/bezoar-auth/bezoar/protocol/backend"
	"github.com/bezoar-auth/bezoar/protocol/jsonrpc"
	"github.com/bezoar-auth/bezoar/protocol/login"
)

var appServerCommand = command{
	name:    "app-server",
	summary: "Serve the account surface of Codex app-server on standard input and output.",
	usage:   "[flags]",
	about: `One JSON object a line in, one a line out; logs go to standard error. The
server ends at the end of input, SIGTERM or SIGINT, after what was asked is answered.

Example: echo '{"id":1,"method":"initialize","params":{"clientInfo":{"name":"me","version":"1"}}}' | bezoar app-server`,
	run: appServer,
}

func appServer(env environment, flags *flag.FlagSet, args []string) error {
	var settings config.Flags
	settings.Register(flags)
	settings.RegisterRefresh(flags)
	inspectAt := flags.String("inspect", "", "show the live state on a page at this `address` of this machine, such as 127.0.0.1:0")
	if err := parse(flags, args); err != nil {
		return err
	}
	loaded, err := load(settings, env.getenv)
	if err != nil {
		return err
	}
	log := newLog(env, loaded, loaded.LogLevel)
	signals, stop := signal.NotifyContext(context.Background(), goodbyes()...)
	defer stop()
	live, err := listenForPage(*inspectAt)
	if err != nil {
		return err
	}
	return serve(signals, env, loaded, log, live)
}

// How long the end may take: a refresh in flight is waited for, and then a
// client that no longer reads its answers.
const (
	drainLimit = 4 * time.Second
	flushLimit = 500 * time.Millisecond
)

// serve answers until the input ends or the program is told to go; then what
// was asked is answered and what was refreshed is saved.
func serve(signals context.Context, env environment, c config.Config, log *slog.Logger, live *livePage) error {
	conn := jsonrpc.New(env.stdin, env.stdout, jsonrpc.Options{Log: log})
	issuer := newIssuer(c, log)
	limits := backend.New(backend.Options{BaseURL: c.ChatGPTBaseURL, Transport: issuer.Transport()})
	options := engineOptions(c, live.watch(issuer), log)
	options.Client = appserver.Client{Conn: conn, Now: time.Now}
	auth := engine.Start(options)
	live.show(env, c.Home, auth, options.Ledger)
	defer live.close()
	logins := login.New(login.Options{Issuer: issuer, Save: auth.Login, Workspaces: c.Restriction.Workspaces, Log: log})
	server := appserver.New(conn, appserver.Options{
		Engine: auth, Logins: logins, Backend: limits,
		Home: c.Home, Version: version, Terminal: terminal(env.getenv), Warnings: warnings(c),
		RequiresAuth: c.RequiresOpenAIAuth, Restriction: machine.Restriction(c.Restriction),
		Introduce: func(originator, userAgent string) {
			issuer.Introduce(originator, userAgent)
			limits.Introduce(originator, userAgent)
		},
	})
	context.AfterFunc(signals, conn.Stop)
	err := conn.Serve(live.count(server))
	return errors.Join(err, end(server, conn))
}

// end drains: no login is saved any more, the refresh in flight is, and whoever
// asked is answered. What takes too long is left behind, and is no error: the
// ledger knows of it.
func end(server *appserver.Server, conn *jsonrpc.Conn) error {
	drain, cancel := context.WithTimeout(context.Background(), drainLimit)
	defer cancel()
	server.Close(drain)
	flush, cancel := context.WithTimeout(context.Background(), flushLimit)
	defer cancel()
	return conn.Close(flush)
}

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

// terminal is how the user agent calls the terminal.
func terminal(getenv func(string) string) string {
	program, version := getenv("TERM_PROGRAM"), getenv("TERM_PROGRAM_VERSION")
	if program != "" && version != "" {
		return program + "/" + version
	}
	return cmp.Or(program, getenv("TERM"), "unknown")
}

package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/config"
	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/engine"
	"github.com/bezoar-auth/bezoar/protocol"
	"github.com/bezoar-auth/bezoar/protocol/appserver"
	"github.com/bezoar-auth/bezoar/protocol/jsonrpc"
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
	if err := parse(flags, args); err != nil {
		return err
	}
	loaded, err := load(settings, env.getenv)
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(env.stderr, &slog.HandlerOptions{Level: loaded.LogLevel}))
	signals, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	return serve(signals, env, loaded, log)
}

// How long the end may take: a refresh in flight is waited for, and then a
// client that no longer reads its answers.
const (
	drainLimit = 4 * time.Second
	flushLimit = 500 * time.Millisecond
)

// serve answers until the input ends or the program is told to go; then what
// was asked is answered and what was refreshed is saved.
func serve(signals context.Context, env environment, c config.Config, log *slog.Logger) error {
	issuer := newIssuer(c, log)
	auth := engine.Start(engineOptions(c, issuer, log))
	conn := jsonrpc.New(env.stdin, env.stdout, jsonrpc.Options{Log: log})
	server := appserver.New(conn, appserver.Options{
		Engine: auth, Home: c.Home, Version: version, Terminal: terminal(env.getenv),
		RequiresAuth: c.RequiresOpenAIAuth, Restriction: machine.Restriction(c.Restriction),
		Warnings: warnings(c), Introduce: issuer.Introduce,
	})
	served := make(chan error, 1)
	go func() { served <- conn.Serve(server) }()
	var err error
	select {
	case err = <-served:
	case <-signals.Done():
	}
	within(drainLimit, func(ctx context.Context) error { auth.Close(ctx); return nil })
	return errors.Join(err, within(flushLimit, conn.Close))
}

func within(limit time.Duration, do func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	return do(ctx)
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

// Package server has the commands of the app-server: the server itself, its live page and
// the definitions of its protocol.
package server

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"time"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/backend"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/cli"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/config"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/live"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/session"
)

// AppServer is bezoar app-server.
var AppServer = cli.Command{
	Name:    "app-server",
	Summary: "Serve the account surface of Codex app-server, or stand in front of one.",
	Usage:   "[flags]",
	About: `One JSON object a line in, one a line out; logs go to standard error. The
server ends at the end of input, SIGTERM or SIGINT: it answers pending requests within
four seconds, closes standard output, and waits for a refresh that has been sent until
its deadline (30 s), to save the new tokens. A second signal does not shorten this;
kill -9 loses such a refresh.

With --backend it serves everything else too, by a real Codex that it starts for each
connection: that one gets its tokens from this server, and neither reads nor writes nor
refreshes the login of the home. Flags that are for it are handed on: -c, --enable and
others, and all that bezoar does not know. When it ends by itself, so does the server,
with its exit code. Its words may also stand behind --, where they need no quotes:
bezoar app-server --listen stdio:// -- /opt/codex app-server

With --listen it serves any number of clients on one login until a signal, over WebSocket
with one object a text message. unix:// is the socket at which codex in a terminal finds
it by itself; codex --remote and codex exec --remote take unix://PATH and ws:// too.

Example: bezoar app-server --backend 'codex app-server'
Example: printf '%s%s\n' '{"id":1,"method":"initialize","params":' \
           '{"clientInfo":{"name":"me","version":"1"}}}' | bezoar app-server`,
	Early:  func(flags *flag.FlagSet) { new(codexFlags).register(flags) }, // clients of Codex pass some of them there
	Values: map[string][]string{"ws-auth": {authToken}},
	Run:    appServer,
}

func appServer(env cli.Environment, flags *flag.FlagSet, args []string) error {
	settings := config.Flags{IsServer: true}
	settings.Register(flags)
	settings.RegisterRefresh(flags)
	var codex codexFlags
	codex.register(flags)
	inspectAt := flags.String("inspect", "", "show the live state on a page at this `address` of this machine, such as 127.0.0.1:0")
	backendLine := flags.String("backend", "", "stand in front of this `codex`, such as 'codex app-server' (default: "+backend.Variable+")")
	d := division{ours: args}
	if namesBackend(args, env.Getenv) {
		d = divide(flags, args)
	}
	if err := cli.Parse(flags, d.ours); err != nil {
		return err
	}
	client, err := codex.read()
	if err != nil {
		return err
	}
	behind, err := findBackend(env.Getenv, *backendLine, d)
	if err != nil {
		return err
	}
	if behind != nil {
		settings.Overrides = append(behind.command.Overrides(), settings.Overrides...)
	}
	loaded, err := session.Load(settings, env.Getenv)
	if _, bad := errors.AsType[*config.HomeError](err); bad {
		return cli.Exit(cli.ExitError, err) // the exit code of codex app-server
	}
	if err != nil {
		return err
	}
	if err := loaded.NotForCodex("use " + loaded.Command("token")); err != nil {
		return err
	}
	log := session.NewLog(env, loaded, loaded.LogLevel)
	cli.IgnoreBrokenPipes()
	signals, left, stop := heed()
	defer stop()
	at, err := codex.listen.open(env, loaded.Root)
	if err != nil {
		return err
	}
	if at != nil {
		defer at.Close()
	}
	if behind != nil {
		behind.begin(loaded.Root, env.Stderr, log, at == nil)
		defer behind.close()
	}
	page, err := live.Listen(*inspectAt)
	if errors.Is(err, live.ErrNotLoopback) {
		return errors.New("--inspect takes 127.0.0.1:PORT (port 0: any), an address that no other machine can reach")
	}
	if err != nil {
		return fmt.Errorf("--inspect: %w", err)
	}
	h, err := newHost(env, loaded, client, behind, log, page)
	if err != nil {
		return err
	}
	h.leave = left
	return h.serve(signals, at)
}

// Limits at the end: for answers that wait for the issuer, and then for a client that no
// longer reads.
const (
	drainLimit = 4 * time.Second
	flushLimit = 500 * time.Millisecond
)

// serve answers the client on standard input until the input ends or a signal arrives, or
// the clients that come in at a door until a signal arrives. Then it answers what is
// pending and saves a refresh that is under way. Nothing of the server is in the home by
// then: that refresh may take longer than the system lets this program live.
func (h *host) serve(signals context.Context, at *door) (err error) {
	if at != nil {
		err = h.listen(signals, at)
	} else {
		err = h.connect(signals, h.env.Stdin, h.env.Stdout, onlyClient)
	}
	if file, ok := h.env.Stdout.(io.Closer); ok {
		_ = file.Close() // the client does not wait longer
	}
	h.page.Close()
	h.close()
	return err
}

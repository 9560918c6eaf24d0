// Package mcp has the command that stands between a client of the Model Context Protocol and
// a remote server that wants a login.
package mcp

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/account"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/cli"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/config"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/session"
	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/protocol/mcp"
	"github.com/bezoar-auth/bezoar/protocol/outbound"
)

// Proxy is bezoar mcp-proxy.
var Proxy = cli.Command{
	Name:    "mcp-proxy",
	Summary: "Be an MCP server on standard input and output that forwards to a remote one.",
	Usage:   "URL [flags]",
	About: `For clients of the Model Context Protocol that start servers as programs: URL is a remote
server (Streamable HTTP), and each message passes to it and back unchanged, with the
access token of the account that bezoar login --resource URL has made. However many
clients run, they share that login: one of them refreshes it, and a refresh survives the
client that kills it.

A token that the server refuses (401) is refreshed once, and the message sent once more.
The token goes to URL alone; a redirect is not followed. Where there is no answer, the
client gets a JSON-RPC error (-32000) that says what to do. When standard input ends,
what is under way is answered for four seconds, and the session at the server is ended.

Example: bezoar mcp-proxy https://mcp.example.com/mcp`,
	Named: true,
	Run:   proxy,
}

func proxy(env cli.Environment, flags *flag.FlagSet, args []string) error {
	settings := config.Flags{IsServer: true}
	settings.Register(flags)
	settings.RegisterRefresh(flags)
	address, err := cli.ParseName(flags, args, "name the server, such as https://mcp.example.com/mcp")
	if err != nil {
		return err
	}
	server, err := url.Parse(address)
	if err != nil || server.Scheme != "https" && server.Scheme != "http" || server.Hostname() == "" || server.User != nil || server.Fragment != "" {
		return cli.Misuse("URL is the address of the server, such as https://mcp.example.com/mcp, without a password in it")
	}
	cli.IgnoreBrokenPipes()
	return serve(env, settings, server)
}

func serve(env cli.Environment, settings config.Flags, server *url.URL) error {
	settings.Resource = server.String()
	s, err := session.Open(env, settings, account.Apart(env, settings))
	if err != nil {
		return err
	}
	ctx, stop := cli.UntilSignal()
	defer stop()
	defer s.Close(ctx)
	transport, err := s.Client.KeptTransport()
	if err != nil {
		return cli.Exit(cli.ExitOperator, cli.ForDoctor(outbound.ProblemOf(ctx, err)))
	}
	return mcp.New(env.Stdin, env.Stdout, mcp.Options{
		Server: server, Login: login{env, s}, Transport: transport, Rules: session.RulesOf(s.Config),
		Relogin:   func(scope string) string { return relogin(server.String(), scope) },
		UserAgent: "bezoar/" + env.Version, Log: s.Log,
	}).Serve(ctx)
}

// relogin is the command that makes a login with a scope.
func relogin(server, scope string) string {
	command := "bezoar login --resource " + cli.ShellWord(outbound.WithoutQuery(server))
	if scope != "" {
		command += " --scope " + cli.Quoted(scope)
	}
	return command
}

// login gives the proxy the tokens of a session.
type login struct {
	env cli.Environment
	*session.Session
}

// patience is how long a message waits for a token: longer than a refresh of another process.
const patience = 90 * time.Second

func (l login) Token(ctx context.Context) (secret.Token, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	state, err := l.Engine.Status(ctx, machine.Ask{Token: true})
	return l.usable(state, err)
}

func (l login) Refused(ctx context.Context, token secret.Token) (secret.Token, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	state, err := l.Engine.RejectedPastFloor(ctx, token.Fingerprint())
	return l.usable(state, err)
}

// usable is the token of a state.
func (l login) usable(state machine.Snapshot, err error) (secret.Token, error) {
	token := state.Token()
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return secret.Token{}, errors.New("no token: the issuer has not answered in time; try again in a moment")
	case err != nil:
		return secret.Token{}, fmt.Errorf("no token: %w", err)
	case !state.Assess(l.env.Now()).Usable:
		return secret.Token{}, account.NoToken(l.env, l.Config, state)
	case strings.ContainsFunc(token.Reveal(), func(r rune) bool { return r <= ' ' || r > '~' }):
		return secret.Token{}, errors.New("no token: the stored one holds characters that no token has")
	}
	return token, nil
}

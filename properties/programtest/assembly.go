package programtest

import (
	"context"
	"errors"
	"io"
	"net/http"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/engine"
	"github.com/bezoar-auth/bezoar/machine/engine/enginetest"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/protocol/appserver"
	"github.com/bezoar-auth/bezoar/protocol/chatgpt"
	"github.com/bezoar-auth/bezoar/protocol/jsonrpc"
	"github.com/bezoar-auth/bezoar/protocol/login"
	"github.com/bezoar-auth/bezoar/protocol/oauth"
	"github.com/bezoar-auth/bezoar/protocol/profile"
)

// IssuerAddress is where an [Assembly] believes its issuer to be; Issuer is what it
// calls that one.
const IssuerAddress = "https://issuer.example"

var Issuer = machine.Issuer{TokenEndpoint: IssuerAddress + "/oauth/token", ClientID: oauth.DefaultClientID}

// Parts are what an [Assembly] is made of.
type Parts struct {
	Store     persist.Store
	Ledger    persist.Ledger
	Transport http.RoundTripper // to the issuer and to the backend
	Logins    login.Options     // Issuer and Save are filled in
	Random    func() float64    // of the backoff; nil for the engine's own
}

// Assembly is the server of bezoar in this process, made of the same parts as
// cmd/bezoar makes it of, with pipes for its input and output. It runs in a
// synctest bubble too, if its transport does.
type Assembly struct {
	Engine *engine.Engine
	Server *appserver.Server
	Conn   *jsonrpc.Conn
	Input  *io.PipeWriter // what the client says
	Output *io.PipeReader // what the client hears
	hangUp *io.PipeWriter
	served chan error
}

// Assemble starts a server. Only what is written to Input lets it do something, and
// Output has to be read.
func Assemble(parts Parts) *Assembly {
	issuer, renewer := oauth.New(oauth.Options{Profile: profile.CodexAt(IssuerAddress), Transport: parts.Transport}), new(appserver.Renewer)
	a := &Assembly{served: make(chan error, 1)}
	var read *io.PipeReader
	read, a.Input = io.Pipe()
	a.Output, a.hangUp = io.Pipe()
	a.Conn = jsonrpc.New(read, a.hangUp, jsonrpc.Options{})
	a.Engine = enginetest.Start(engine.Options{
		Policy: machine.Policy{Issuer: Issuer, Claims: chatgpt.Claims}, Store: parts.Store, Ledger: parts.Ledger, AuthorizationServer: issuer,
		Renewer: renewer, Random: parts.Random,
	})
	parts.Logins.Issuer, parts.Logins.Save = issuer, a.Engine.Login
	a.Server = appserver.New(a.Conn, appserver.Options{
		Engine: a.Engine, Renewer: renewer, Home: "/home/ada/.codex", Version: "1", Terminal: "xterm", RequiresAuth: true,
		Logins:    login.New(parts.Logins),
		Backend:   chatgpt.New(chatgpt.Options{BaseURL: IssuerAddress, Transport: parts.Transport}),
		Introduce: issuer.Introduce,
	})
	go func() { a.served <- a.Conn.Serve(a.Server) }()
	return a
}

// Close is the end of input. It waits until the server has served what it was asked,
// and until its goroutines have ended.
func (a *Assembly) Close(ctx context.Context) error {
	a.Input.Close()
	err := errors.Join(<-a.served, a.Server.Close(ctx), a.Conn.Close(ctx))
	a.hangUp.Close()
	return err
}

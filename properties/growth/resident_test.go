package growth

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/engine"
	"github.com/bezoar-auth/bezoar/machine/engine/enginetest"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/protocol/appserver"
	"github.com/bezoar-auth/bezoar/protocol/chatgpt"
	"github.com/bezoar-auth/bezoar/protocol/jsonrpc"
	"github.com/bezoar-auth/bezoar/protocol/login"
	"github.com/bezoar-auth/bezoar/protocol/oauth"
)

// resident is what stays under an editor for days: all of the program but its
// process, with the editor's end of its pipes.
type resident struct {
	*engine.Engine
	t      testing.TB
	store  persist.Store
	issuer *frugalIssuer
	input  io.Writer
	lines  *bufio.Reader
	close  func()
}

const (
	greeting = `{"id":0,"method":"initialize","params":{"clientInfo":{"name":"editor","version":"1"}}}` + "\n"
	pollLine = `{"id":1,"method":"getAuthStatus","params":{"includeToken":true,"refreshToken":false}}` + "\n"
	noToken  = `"authToken":null`
)

var residentNames = machine.Issuer{TokenEndpoint: "https://issuer.test/oauth/token", ClientID: oauth.DefaultClientID}

func newResident(t testing.TB, kept persist.Store, ledger persist.Ledger) *resident {
	r := &resident{t: t, store: kept, issuer: &frugalIssuer{}}
	require.NoError(t, kept.Replace(t.Context(), r.issuer.login()))
	issuer := oauth.New(oauth.Options{Transport: r.issuer})
	r.Engine = enginetest.Start(engine.Options{
		Policy: machine.Policy{Issuer: residentNames}, Store: kept, Ledger: ledger, Issuer: issuer,
		Random: func() float64 { return 0.5 },
	})
	read, input := io.Pipe()
	output, write := io.Pipe()
	r.input, r.lines = input, bufio.NewReader(output)
	conn := jsonrpc.New(read, write, jsonrpc.Options{})
	server := appserver.New(conn, appserver.Options{
		Engine: r.Engine, Home: "/home/ada/.codex", Version: "1.2.3", Terminal: "xterm", RequiresAuth: true,
		Logins: login.New(login.Options{Issuer: issuer, Save: r.Login}), Backend: chatgpt.New(chatgpt.Options{Transport: r.issuer}),
		Introduce: issuer.Introduce,
	})
	served := make(chan error, 1)
	go func() { served <- conn.Serve(server) }()
	r.close = sync.OnceFunc(func() {
		input.Close()
		require.NoError(t, errors.Join(<-served, server.Close(context.Background()), conn.Close(context.Background())))
	})
	<-r.Ready()
	r.send(greeting)
	return r
}

// send asks, and returns the answer, which is valid until the next one.
func (r *resident) send(line string) []byte {
	if _, err := io.WriteString(r.input, line); err != nil {
		r.t.Fatal(err)
	}
	answer, err := r.lines.ReadSlice('\n')
	if err != nil {
		r.t.Fatal(err)
	}
	return answer
}

// poll reports whether the editor got a token.
func (r *resident) poll() bool { return !bytes.Contains(r.send(pollLine), []byte(noToken)) }

// refresh demands one.
func (r *resident) refresh() {
	_, err := r.Status(r.t.Context(), machine.Ask{Refresh: true, Token: true})
	require.NoError(r.t, err)
}

// poison lets the issuer end the login, and the program hear of it.
func (r *resident) poison() {
	r.issuer.become(func(i *frugalIssuer) { i.live = "" })
	r.refresh()
	require.Equal(r.t, machine.Poisoned, r.Snapshot().Phase())
}

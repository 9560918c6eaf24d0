package fronts

import (
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/engine"
	"github.com/bezoar-auth/bezoar/machine/engine/enginetest"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/properties/propertytest"
	"github.com/bezoar-auth/bezoar/protocol/appserver"
	"github.com/bezoar-auth/bezoar/protocol/chatgpt"
	"github.com/bezoar-auth/bezoar/protocol/front"
	"github.com/bezoar-auth/bezoar/protocol/jsonrpc"
	"github.com/bezoar-auth/bezoar/protocol/login"
	"github.com/bezoar-auth/bezoar/protocol/oauth"
	"github.com/bezoar-auth/bezoar/protocol/profile"
)

var errNoNetwork = errors.New("there is no network")

type noNetwork struct{}

func (noNetwork) RoundTrip(*http.Request) (*http.Response, error) { return nil, errNoNetwork }

// parts are what an assembly is made of.
type parts struct {
	store   persist.Store
	ledger  persist.Ledger
	issuer  engine.AuthorizationServer
	log     *slog.Logger      // nil for none
	version string            // of the child, if it is remembered
	observe func(front.Event) // nil for no observer

	policy *machine.Policy // nil for that of the properties

	lineLimit int // of both connections, 0 for theirs
}

// assembly is a front with its engine and its account server, as cmd/bezoar makes them, and
// pipes for both ends.
type assembly struct {
	front  *front.Front
	conn   *jsonrpc.Conn // the client's
	server *appserver.Server
	engine *engine.Engine

	input    *io.PipeWriter // of the client
	output   *io.PipeReader // for the client
	hangUp   *io.PipeWriter // its other end
	toChild  *io.PipeReader
	closeIn  *io.PipeWriter // its other end
	ofChild  *io.PipeWriter
	isServed chan struct{} // closed when Serve has returned
	err      error         // what it returned; valid then
}

// refusedTurn begins what bezoar says in place of a turn.
const refusedTurn = "bezoar says: "

// assemble makes an assembly, which does nothing before serve.
func assemble(p parts) *assembly {
	a := &assembly{isServed: make(chan struct{})}
	log := cmp.Or(p.log, slog.New(slog.DiscardHandler))
	renewer, policy := new(appserver.Renewer), propertytest.Policy
	if p.policy != nil {
		policy = *p.policy
	}
	a.engine = enginetest.Start(engine.Options{
		Policy: policy, Store: p.store, Ledger: p.ledger, ProcessID: 1, AuthorizationServer: p.issuer,
		Renewer: renewer, Log: log, Random: func() float64 { return 0.5 },
	})
	<-a.engine.Ready()
	var read *io.PipeReader
	read, a.input = io.Pipe()
	a.output, a.hangUp = io.Pipe()
	a.toChild, a.closeIn = io.Pipe()
	var ofChild *io.PipeReader
	ofChild, a.ofChild = io.Pipe()
	a.conn = jsonrpc.New(read, a.hangUp, jsonrpc.Options{CallPrefix: front.ClientPrefix, Log: log, LineLimitBytes: p.lineLimit})
	a.server = appserver.New(a.conn, appserver.Options{
		Home: "/home/ada/.codex", Version: "1.2.3", Terminal: "xterm", RequiresAuth: true, Introduce: func(string, string) {},
		Engine: a.engine, Renewer: renewer, Backend: chatgpt.New(chatgpt.Options{BaseURL: "https://backend.example", Transport: noNetwork{}}),
		Logins: login.New(login.Options{
			Issuer: oauth.New(oauth.Options{Profile: profile.CodexAt("https://issuer.example"), Transport: noNetwork{}}), Save: a.engine.Login, Log: log,
			Listen: func(string) (net.Listener, error) { return nil, errNoNetwork },
			Dial:   func(context.Context, string) (net.Conn, error) { return nil, errNoNetwork },
		}),
	})
	a.front = front.New(front.Options{
		Client: a.conn, Server: a.server, Engine: a.engine, Version: p.version, Log: log, CloseChild: a.closeIn,
		Child:   jsonrpc.New(ofChild, a.closeIn, jsonrpc.Options{CallPrefix: front.ChildPrefix, ReadsOn: true, Log: log, LineLimitBytes: p.lineLimit}),
		Words:   func(s machine.Snapshot, _ bool) string { return refusedTurn + string(s.Phase()) },
		Observe: p.observe,
	})
	return a
}

// serve serves both ends, on a goroutine of its own.
func (a *assembly) serve() {
	go func() {
		a.err = a.front.Serve()
		close(a.isServed)
	}()
}

func (a *assembly) isOver() bool {
	select {
	case <-a.isServed:
		return true
	default:
		return false
	}
}

// end ends the front as a program does: its client's input ends, the child has a few seconds
// for an orderly end, and then it is killed. settle lets all that is under way come to its
// end. It reports whether the child had to be killed.
func (a *assembly) end(settle, kill func()) (killed bool) {
	a.input.Close()
	<-a.isServed
	ctx, cancel := context.WithTimeout(context.Background(), 4*time.Second)
	defer cancel()
	killed = a.front.End(ctx) != nil
	settle()
	kill()
	rest, cancel := context.WithTimeout(context.Background(), 4*time.Second)
	defer cancel()
	settle()
	_ = a.server.Close(rest) // what it could not answer is seen at the other end
	settle()
	_ = a.conn.Close(rest)
	a.hangUp.Close()
	return killed
}

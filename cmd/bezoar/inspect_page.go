package main

import (
	"context"
	"fmt"
	"net"
	"os"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/live"
	"github.com/bezoar-auth/bezoar/machine/engine"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/protocol"
	"github.com/bezoar-auth/bezoar/protocol/jsonrpc"
)

// livePage is what an app-server shows of itself. The nil page is for one that
// was not asked to, and does nothing.
type livePage struct {
	recorder *live.Recorder
	listener net.Listener
	end      func()
}

// listenForPage takes the port of a page, nil for the address "".
func listenForPage(address string) (*livePage, error) {
	if address == "" {
		return nil, nil
	}
	listener, err := live.Listen(address)
	if err != nil {
		return nil, fmt.Errorf("--inspect: %w", err)
	}
	return &livePage{recorder: live.NewRecorder(nil), listener: listener}, nil
}

// watch is the issuer, its posts recorded.
func (l *livePage) watch(issuer engine.AuthorizationServer) engine.AuthorizationServer {
	if l == nil {
		return issuer
	}
	return l.recorder.Watch(issuer)
}

// count is the handler, its asks counted.
func (l *livePage) count(handler jsonrpc.Handler) jsonrpc.Handler {
	if l == nil {
		return handler
	}
	return counted{handler, l.recorder.Asked}
}

type counted struct {
	jsonrpc.Handler
	asked func()
}

func (c counted) Request(request jsonrpc.Request) {
	if request.Method == protocol.GetAuthStatus || request.Method == protocol.AccountRead {
		c.asked()
	}
	c.Handler.Request(request)
}

// show serves the page, and tells the person and the home where it is.
func (l *livePage) show(env environment, home string, auth *engine.Engine, ledger persist.Ledger) {
	if l == nil {
		return
	}
	options := live.Options{Source: auth, Recorder: l.recorder, Words: pageWords{}, Version: version}
	if _, ok := auditOf(ledger); ok {
		options.Entries = func(context.Context) ([]persist.Entry, error) { return entriesOf(ledger) }
	}
	page := live.New(options)
	shown := &sign{URL: page.URL(l.listener.Addr()), PID: os.Getpid()}
	if err := shown.put(home); err != nil {
		logLine(env, fmt.Sprintf("bezoar inspect will not find the live page: %v", err))
	}
	logLine(env, "the live page, for you alone: "+shown.URL)
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan struct{})
	go func() {
		defer close(served)
		page.Serve(ctx, l.listener) // a page that ends early is no reason to end the program
	}()
	l.end = func() {
		cancel()
		<-served
		shown.take()
	}
}

// close takes the page away, after what it shows has ended.
func (l *livePage) close() {
	if l != nil {
		l.end()
	}
}

package server

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/backend"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/live"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/poller"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/view"
	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/protocol/front"
	"github.com/bezoar-auth/bezoar/protocol/jsonrpc"
)

// childLimit is how long the end waits for a child, which is killed before.
const childLimit = 8 * time.Second

// connectBackend is connect with a child of its own behind the connection. The child ends
// first, and its last lines still reach the client. If it has ended by itself, the error
// carries its exit code.
func (h *host) connectBackend(signals context.Context, in io.Reader, out io.Writer, at place) error {
	child, err := h.behind.next()
	if err != nil {
		return err
	}
	poller.Widen(out)
	client := jsonrpc.New(in, out, jsonrpc.Options{
		Log: h.log, CallPrefix: front.ClientPrefix, AwaitInput: poller.Input(in), UnreadLimitBytes: at.unreadLimit(),
	})
	server := h.accept(client)
	var record *live.Child
	f := front.New(front.Options{
		Client: client, Server: server, Account: h.page.Count(server), Engine: h.engine,
		Child:      jsonrpc.New(child, child, jsonrpc.Options{Log: h.log, CallPrefix: front.ChildPrefix, ReadsOn: true}),
		CloseChild: ending{child},
		Surface:    h.behind.surface, Version: h.behind.known.Load().Version,
		Words: h.noLogin, HowEnded: h.behind.howEnded(child), RequiresAuth: h.config.ProviderRequiresAuth, Log: h.log,
		Observe: func(e front.Event) { record.Observe(e) },
		Known: func(version string) {
			record.Is(version)
			h.behind.learn(version)
		},
	})
	record = h.page.Child(child.Process(), f.Counts)
	defer record.End()
	stop := context.AfterFunc(signals, f.Stop)
	err = f.Serve()
	stop()
	limit, cancel := context.WithTimeout(h.leave.child, childLimit)
	defer cancel()
	_ = f.End(limit)
	status := child.End(limit)
	switch {
	case errors.Is(err, front.ErrChildEnded):
		record.Observe(front.Event{Kind: front.ChildFailed, Detail: status.String()})
		err = h.behind.outcome(status)
	case err == nil && status.Code != 0 && status.Signal == "":
		err = h.behind.outcome(status) // of a wrapper, say: Codex itself ends with 0 then
	}
	return errors.Join(err, h.finish(signals, client, server, at))
}

// ending ends a child when its input is closed, and does not wait for that.
type ending struct{ child *backend.Child }

func (e ending) Close() error {
	e.child.CloseInput()
	go e.child.End(context.Background())
	return nil
}

// noLogin is what a user reads in place of a turn that no login serves.
func (h *host) noLogin(s machine.Snapshot, isRefused bool) string {
	describe := view.PageWords{}.State
	if isRefused {
		describe = view.PageWords{}.Refused
	}
	known, next := describe(s, nil, h.env.Now())
	return "bezoar: " + known + " " + next
}

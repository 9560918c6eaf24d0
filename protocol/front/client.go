package front

import (
	"encoding/json"
	"fmt"

	"github.com/bezoar-auth/bezoar/protocol"
	"github.com/bezoar-auth/bezoar/protocol/front/surface"
	"github.com/bezoar-auth/bezoar/protocol/jsonrpc"
)

// clientSide is the handler of the client's lines. Its methods run on the client's reading
// goroutine, one after another, and never wait for the child, but for initialize.
type clientSide struct{ *Front }

func (f clientSide) Request(r jsonrpc.Request) {
	f.heard.Add(1)
	c := classes[r.Method]
	switch {
	case r.Method == protocol.Initialize:
		f.initialize(r)
	case r.ID.HasPrefix(ChildPrefix):
		f.refuse(r.ID, r.Method, fmt.Sprintf("ids that begin with %q are taken: use another one", ChildPrefix))
	case c == ours && r.Method != accountSessionList:
		f.serve(r)
	case !f.isMet:
		f.queue.passNow(itemOf(r, c)) // the child says "Not initialized", or what it has against the line
	case c == ours:
		f.listSessions(r)
	default:
		f.hand(r, c)
	}
}

// hand refuses a request that the child must not get from this client, and queues others.
func (f clientSide) hand(r jsonrpc.Request, c class) {
	if refusal := f.unavailable(r); refusal != "" {
		f.refuse(r.ID, r.Method, refusal)
		return
	}
	if c == refused {
		f.refuse(r.ID, r.Method, refusals[r.Method])
		return
	}
	f.queue.add(itemOf(r, c))
}

// serve answers what is ours.
func (f clientSide) serve(r jsonrpc.Request) {
	if r.Method == protocol.LoginStart && f.isMet && isForeignLogin(r.Params) {
		f.refuse(r.ID, r.Method, otherLogin)
		return
	}
	f.account.Request(r)
}

// listSessions answers for a child that would: an older one knows no sessions.
func (f clientSide) listSessions(r jsonrpc.Request) {
	if _, exists := f.surface().Methods[r.Method]; !exists {
		f.queue.add(itemOf(r, passes))
		return
	}
	if refusal := f.unavailable(r); refusal != "" {
		f.refuse(r.ID, r.Method, refusal)
		return
	}
	f.o.Server.ListSessions(r)
}

// isForeignLogin reports whether a login is of a type that Codex has and bezoar does not
// speak.
func isForeignLogin(params json.RawMessage) bool {
	var kind string
	return json.Unmarshal(memberOf(params, "type"), &kind) == nil && foreignLogins[kind]
}

// unavailable is why a client without experimentalApi may not make a request, "" if it may.
func (f clientSide) unavailable(r jsonrpc.Request) string {
	if f.isExperimental.Load() {
		return ""
	}
	return f.surface().Refusal(r.Method, r.Params)
}

func (f *Front) surface() *surface.Table {
	if f.o.Surface != nil {
		return f.o.Surface()
	}
	return surface.BuiltIn()
}

// refuse answers a request of the client that goes nowhere.
func (f *Front) refuse(id jsonrpc.ID, method, why string) {
	f.observe(Event{Kind: Refused, Method: method, Detail: why})
	f.o.Client.ReplyError(id, &jsonrpc.Error{Code: jsonrpc.CodeInvalidRequest, Message: why})
}

func (f clientSide) Notification(n jsonrpc.Notification) {
	f.heard.Add(1)
	i := item{line: n.Line}
	if f.isMet {
		f.queue.add(i)
		return
	}
	f.queue.passNow(i)
}

// Answer hands an answer to a request of the child on, past the queue: the child waits for
// it. One to a call of ours comes too late.
func (f clientSide) Answer(a jsonrpc.Answer) {
	if a.ID.HasPrefix(ClientPrefix) {
		return
	}
	f.o.Child.AwaitRoom()
	f.counts.toChild.Add(1)
	f.o.Client.HandOn(f.o.Child, a.Line)
}

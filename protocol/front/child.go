package front

import (
	"fmt"

	"github.com/bezoar-auth/bezoar/protocol"
	"github.com/bezoar-auth/bezoar/protocol/front/surface"
	"github.com/bezoar-auth/bezoar/protocol/jsonrpc"
)

// childSide is the handler of the child's lines. Its methods run on the child's reading
// goroutine. They wait for a client that does not read, and for nothing else.
type childSide struct{ *Front }

// Answer hands an answer on to the client, if the client waits for one.
func (f childSide) Answer(a jsonrpc.Answer) {
	f.holder.heard()
	o := f.queue.answer(a.ID)
	if o == nil {
		f.log.Debug("the backend answered what was not asked", "bytes", len(a.Line))
		return
	}
	if isLearned(o.method) {
		f.learn(o, a.Result)
	}
	f.toClient(a.Line)
}

func (f childSide) Notification(n jsonrpc.Notification) {
	f.holder.heard()
	switch n.Method {
	case protocol.AccountUpdated, protocol.LoginCompleted:
		return // about what bezoar gave the child; the client hears of logins from the server
	case "error", "turn/completed":
		f.turns.note(n.Method)
		f.toClient(f.explained(n))
		return
	}
	f.turns.note(n.Method)
	if !f.isExperimental.Load() && surface.IsForExperimental(n.Method) {
		return
	}
	f.toClient(n.Line)
}

// Request hands a request on to the client, which answers under the same id. One for
// another token is bezoar's.
func (f childSide) Request(r jsonrpc.Request) {
	f.holder.heard()
	switch {
	case r.Method == protocol.ExternalRefresh:
		go f.renew(r.ID)
	case r.ID.HasPrefix(ClientPrefix):
		f.o.Child.ReplyError(r.ID, &jsonrpc.Error{
			Code: jsonrpc.CodeInvalidRequest, Message: fmt.Sprintf("ids that begin with %q are taken", ClientPrefix),
		})
	default:
		f.toClient(f.asked(r))
	}
}

// asked is the line of a request of the child, as Codex would have sent it to this client.
func (f childSide) asked(r jsonrpc.Request) []byte {
	left := surface.ExperimentalParam(r.Method)
	if left == "" || f.isExperimental.Load() || memberOf(r.Params, left) == nil {
		return r.Line
	}
	params := membersOf(r.Params)
	delete(params, left)
	return instead(r.Line, memberOf(r.Line, "params"), encode(params))
}

func (f childSide) toClient(line []byte) {
	f.o.Client.AwaitRoom()
	f.counts.toClient.Add(1)
	f.o.Child.HandOn(f.o.Client, line)
}

package front

import (
	"fmt"
	"sync/atomic"

	"github.com/bezoar-auth/bezoar/protocol/jsonrpc"
)

// garbage counts what the child has written that is no message.
type garbage struct{ lines, bytes atomic.Uint64 }

// Dropped counts a line of the child that cannot be handed on. If it began as an answer, the
// client is answered in its place.
func (f childSide) Dropped(d jsonrpc.Dropped) {
	f.garbage.lines.Add(1)
	f.garbage.bytes.Add(uint64(d.Bytes))
	f.observe(Event{Kind: ChildGarbage, Detail: fmt.Sprintf("%d bytes: %v", d.Bytes, d.Reason)})
	id, ok := jsonrpc.AnswerID(d.Head)
	if !ok || f.queue.answer(id) == nil {
		return
	}
	f.o.Client.ReplyError(id, &jsonrpc.Error{
		Code: jsonrpc.CodeInternal, Message: fmt.Sprintf("the backend's answer of %d bytes cannot be handed on: %v", d.Bytes, d.Reason),
	})
}

// Dropped answers the child in the place of a client whose answer is too long to be handed
// on: the child would wait for ever.
func (f clientSide) Dropped(d jsonrpc.Dropped) {
	id, ok := jsonrpc.AnswerID(d.Head)
	if !d.IsTooLong || !ok || id.HasPrefix(ClientPrefix) {
		return
	}
	f.o.Child.AwaitRoom()
	f.o.Child.ReplyError(id, &jsonrpc.Error{
		Code: jsonrpc.CodeInternal, Message: fmt.Sprintf("the client's answer of %d bytes cannot be handed on: %v", d.Bytes, d.Reason),
	})
}

// told is what to add to an error about the child, "" if it has written messages alone.
func (g *garbage) told() string {
	if lines := g.lines.Load(); lines > 0 {
		return fmt.Sprintf(", and wrote %d lines that are no messages (%d bytes)", lines, g.bytes.Load())
	}
	return ""
}

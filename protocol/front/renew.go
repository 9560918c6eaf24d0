package front

import (
	"context"
	"errors"
	"time"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/protocol"
	"github.com/bezoar-auth/bezoar/protocol/jsonrpc"
)

// renewLimit is how long the child's request for another token may take: the child gives
// up after ten seconds, and ignores a later answer.
const renewLimit = 9 * time.Second

// renew answers the child's request for a token in place of one that a server refused. That
// is a 401 for the token that the child was sent last, or for the one before.
func (f *Front) renew(id jsonrpc.ID) {
	defer f.pusher.renew()()
	refused, begun := f.pusher.refused(), f.o.Now()
	snapshot, err := f.newer(refused)
	if f.replyToken(id, refused, begun) {
		f.reason.Store(nil)
		return
	}
	why := f.o.Words(snapshot, isUsable(snapshot, f.o.Now()))
	if err != nil {
		why = err.Error()
	}
	f.reason.Store(&why)
	f.observe(Event{Kind: NotRenewed, Access: refused.access, Detail: why, Took: f.o.Now().Sub(begun)})
	f.o.Child.ReplyError(id, &jsonrpc.Error{Code: jsonrpc.CodeInternal, Message: why})
}

// errRenewLate is why a turn fails whose token could not be refreshed in time.
var errRenewLate = errors.New("the issuer has not answered in time: try again in a moment")

// newer waits until the engine has another token than a refused one, or will have none.
func (f *Front) newer(refused given) (machine.Snapshot, error) {
	snapshot := f.o.Engine.Snapshot()
	want, token := givenBy(snapshot, f.o.Now())
	if want.mode != withTokens || !token.IsAbsent() && want.access != refused.access {
		return snapshot, nil
	}
	ctx, cancel := context.WithTimeout(f.ending, renewLimit)
	defer cancel()
	snapshot, err := f.o.Engine.RejectedPastFloor(ctx, refused.access)
	if errors.Is(err, context.DeadlineExceeded) {
		return f.o.Engine.Snapshot(), errRenewLate
	}
	if err != nil {
		return f.o.Engine.Snapshot(), err
	}
	return snapshot, nil
}

// replyToken gives the child the token that the engine has by now, if it is another one
// than the refused one. It counts as a push: no older login goes out behind it.
func (f *Front) replyToken(id jsonrpc.ID, refused given, begun time.Time) bool {
	p := &f.pusher
	p.mu.Lock()
	defer p.mu.Unlock()
	want, token := givenBy(f.o.Engine.Snapshot(), f.o.Now())
	if token.IsAbsent() || want.mode != withTokens || want.access == refused.access {
		return false
	}
	f.o.Child.Reply(id, protocol.ExternalRefreshResponse{
		AccessToken: token.Reveal(), ChatGPTAccountID: want.accountID, ChatGPTPlanType: protocol.Nullable(want.plan),
	})
	p.replied(want)
	f.observe(Event{Kind: Renewed, Access: want.access, Took: f.o.Now().Sub(begun)})
	return true
}

// isUsable reports whether there are tokens that look good. If the child got none all the
// same, the servers refuse what the issuer gave a moment ago.
func isUsable(s machine.Snapshot, at time.Time) bool {
	g, token := givenBy(s, at)
	return g.mode == withTokens && !token.IsAbsent()
}

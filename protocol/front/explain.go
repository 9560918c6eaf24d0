package front

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	"github.com/bezoar-auth/bezoar/protocol/jsonrpc"
)

// What the child says when its request for another token was answered with an error, or not
// in time. It does not show the error's message.
var helpless = []string{"auth refresh request failed: code=", "auth refresh request timed out"}

// explained is the line of a notification that a turn has failed. If it failed for want of a
// token, it says why in bezoar's words.
func (f *Front) explained(n jsonrpc.Notification) []byte {
	if !bytes.Contains(n.Line, []byte("auth refresh request ")) {
		return n.Line
	}
	path := []string{"params", "error", "message"}
	if n.Method == "turn/completed" {
		path = []string{"params", "turn", "error", "message"}
	}
	quoted := json.RawMessage(n.Line)
	for _, name := range path {
		quoted = memberOf(quoted, name)
	}
	var message string
	if json.Unmarshal(quoted, &message) != nil || !slices.ContainsFunc(helpless, func(begin string) bool { return strings.HasPrefix(message, begin) }) {
		return n.Line
	}
	// quoted is a part of the line, so that what is behind it in memory tells where.
	at := cap(n.Line) - cap(quoted)
	return slices.Concat(n.Line[:at], encode(f.why()), n.Line[at+len(quoted):])
}

// why is the reason for which the child got no token.
func (f *Front) why() string {
	if why := f.reason.Load(); why != nil {
		return *why
	}
	snapshot := f.o.Engine.Snapshot()
	if isUsable(snapshot, f.o.Now()) {
		return errRenewLate.Error() // it has come since
	}
	return f.o.Words(snapshot, false)
}

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
	path := []string{"params", "error"}
	if n.Method == "turn/completed" {
		path = []string{"params", "turn", "error"}
	}
	// While the child retries, the reason is in the details.
	line := f.explainedAt(n.Line, append(path, "message"))
	return f.explainedAt(line, append(path, "additionalDetails"))
}

// explainedAt replaces one member of a line, if it says that there was no token.
func (f *Front) explainedAt(line []byte, path []string) []byte {
	quoted := json.RawMessage(line)
	for _, name := range path {
		quoted = memberOf(quoted, name)
	}
	var message string
	if json.Unmarshal(quoted, &message) != nil || !slices.ContainsFunc(helpless, func(begin string) bool { return strings.HasPrefix(message, begin) }) {
		return line
	}
	return instead(line, quoted, encode(f.why()))
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

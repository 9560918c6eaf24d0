package mcp

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"strings"

	"github.com/bezoar-auth/bezoar/protocol/jsonrpc"
)

// The methods that mean something to a proxy.
const (
	methodInitialize  = "initialize"
	methodInitialized = "notifications/initialized"
	methodCancelled   = "notifications/cancelled"
	methodListen      = "subscriptions/listen"
	methodListTools   = "tools/list"
	methodCallTool    = "tools/call"
)

// message is one message of the client on its way to the server.
type message struct {
	line   []byte
	params json.RawMessage // parts of line
	method string          // "" for an answer

	isRequest bool
	id        jsonrpc.ID // of a request

	version string // that the request itself names; "" from a client that began with initialize
	name    string // of the tool, prompt or resource that it is about, "" for none

	beginsAgain bool // it is the proxy's own, for a new session in place of an ended one

	ctx    context.Context // ends when the client has cancelled it
	cancel context.CancelFunc
}

func requestOf(r jsonrpc.Request) *message {
	m := &message{isRequest: true, id: r.ID, method: r.Method, line: bytes.Clone(r.Line)}
	m.read(r.Params)
	return m
}

func notificationOf(n jsonrpc.Notification) *message {
	m := &message{method: n.Method, line: bytes.Clone(n.Line)}
	m.read(n.Params)
	return m
}

// Names of members and headers, as the revision 2026-07-28 has them.
const (
	metaVersion     = "io.modelcontextprotocol/protocolVersion"
	headerVersion   = "Mcp-Protocol-Version"
	headerSession   = "Mcp-Session-Id"
	headerMethod    = "Mcp-Method"
	headerName      = "Mcp-Name"
	headerParam     = "Mcp-Param-"
	headerLastEvent = "Last-Event-Id"
)

// named are the methods whose request names what it is about in a header, and the member
// that has the name.
var named = map[string]string{methodCallTool: "name", "prompts/get": "name", "resources/read": "uri"}

// read takes from the params what a header repeats.
func (m *message) read(params json.RawMessage) {
	m.params = bytes.Clone(params)
	jsonrpc.EachMember(m.params, func(name, value []byte) {
		switch string(name) {
		case "_meta":
			m.version = visible(textOf(memberOf(value, metaVersion)))
		case "name", "uri":
			if string(name) == named[m.method] {
				m.name = textOf(value)
			}
		}
	})
}

// isModern reports whether the request stands for itself: no session, and headers that
// repeat what it says.
func (m *message) isModern() bool { return m.version != "" }

// cancels is the request that a notification cancels, as it stands on the line.
func (m *message) cancels() string { return string(memberOf(m.params, "requestId")) }

// memberOf is a member of a JSON object, nil if there is none.
func memberOf(object json.RawMessage, wanted string) (found json.RawMessage) {
	jsonrpc.EachMember(object, func(name, value []byte) {
		if string(name) == wanted {
			found = value
		}
	})
	return found
}

// textOf is the text of a JSON string, "" for another value.
func textOf(value json.RawMessage) (text string) {
	_ = json.Unmarshal(value, &text)
	return text
}

// inHeader is a value as a header has it: as it is, or encoded (Streamable HTTP of 2026-07-28,
// Value Encoding).
func inHeader(value string) string {
	const begin, end = "=?base64?", "?="
	plain := strings.IndexFunc(value, func(r rune) bool { return r != '\t' && (r < ' ' || r > '~') }) < 0
	if plain && strings.Trim(value, " \t") == value && !(strings.HasPrefix(value, begin) && strings.HasSuffix(value, end)) {
		return value
	}
	return begin + base64.StdEncoding.EncodeToString([]byte(value)) + end
}

// onOneLine is a JSON text with blanks in place of line ends, which can only stand between
// its tokens. It changes the text.
func onOneLine(text []byte) []byte {
	for i, c := range text {
		if c == '\n' || c == '\r' {
			text[i] = ' '
		}
	}
	return text
}

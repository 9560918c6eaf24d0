package jsonrpc

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"unicode/utf8"
)

// A Request wants exactly one answer: [Conn.Reply], [Conn.ReplyAppend] or
// [Conn.ReplyError] with its ID.
type Request struct {
	ID     ID
	Method string
	// Params is nil if the member is missing or null. The bytes are valid
	// until the handler returns; clone what is kept longer.
	Params json.RawMessage
}

// A Notification wants no answer. Params is as in a [Request].
type Notification struct {
	Method string
	Params json.RawMessage
}

// Error is an answer that says no: the wire form and a Go error in one. One
// that [Conn.Call] returned holds the client's own words.
type Error struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

// The codes in use (JSON-RPC 2.0, section 5.1).
const (
	// CodeInvalidRequest is all that a client can do wrong.
	CodeInvalidRequest = -32600
	// CodeInternal is a failure on our side.
	CodeInternal = -32603
)

func (e *Error) Error() string { return fmt.Sprintf("error %d: %s", e.Code, e.Message) }

// ID is the id of a request: a string, or an integer within int64. It goes
// back byte for byte as it came, is comparable, and may be kept.
type ID struct {
	integer int64
	text    string // a string as it stood on the line, quotes and escapes and all
}

// parseID takes the value of an id member. An integer is kept as a number, for
// that costs no memory: JSON has one spelling for each, but for -0, which
// Codex does not take as an integer either.
func parseID(value []byte) (ID, bool) {
	if len(value) == 0 || string(value) == "-0" {
		return ID{}, false
	}
	if value[0] == '"' {
		return ID{text: string(value)}, true
	}
	n, err := strconv.ParseInt(string(value), 10, 64)
	return ID{integer: n}, err == nil
}

func (id ID) appendTo(line []byte) []byte {
	if id.text != "" {
		return append(line, id.text...)
	}
	return strconv.AppendInt(line, id.integer, 10)
}

type kind int

const (
	request kind = iota
	notification
	answer
)

// A message is a line that means something. Its bytes are the line's.
type message struct {
	kind   kind
	id     ID     // request, answer
	method []byte // request, notification; unescaped
	params []byte // request, notification; nil for null
	result []byte // answer that says yes
	err    *Error // answer that says no
}

// Why a line is no message.
var (
	errBlank     = errors.New("blank")
	errNoObject  = errors.New("not one JSON object")
	errNoUTF8    = errors.New("not UTF-8")
	errDuplicate = errors.New("a member occurs twice")
	errNoID      = errors.New("the id is neither a string nor an integer within int64")
	errNoMessage = errors.New("neither request nor notification nor answer")
)

// parse says what a line is. Unknown members are ignored, also "jsonrpc".
func parse(line []byte) (message, error) {
	m, err := cut(line)
	if err != nil {
		return message{}, err
	}
	msg := message{}
	if m.id != nil {
		var ok bool
		if msg.id, ok = parseID(m.id); !ok {
			return message{}, errNoID
		}
	}
	switch {
	case m.method != nil:
		msg.kind = notification
		if m.id != nil {
			msg.kind = request
		}
		msg.method, msg.params = unquote(m.method), notNull(m.params)
		if msg.method == nil {
			return message{}, errNoMessage
		}
	case m.id != nil && notNull(m.err) != nil:
		msg.kind, msg.err = answer, parseError(m.err)
		if msg.err == nil {
			return message{}, errNoMessage
		}
	case m.id != nil && m.result != nil:
		msg.kind, msg.result = answer, m.result
	default:
		return message{}, errNoMessage
	}
	return msg, nil
}

// envelope holds the values of the members that count, nil where there is none.
type envelope struct{ id, method, params, result, err []byte }

// cut takes a line apart.
func cut(line []byte) (envelope, error) {
	var m envelope
	duplicate := false
	s := scanner{text: line}
	s.space()
	if s.at == len(line) {
		return m, errBlank
	}
	ok := s.object(1, func(name, value []byte) {
		var member *[]byte
		switch string(unquote(name)) {
		case "id":
			member = &m.id
		case "method":
			member = &m.method
		case "params":
			member = &m.params
		case "result":
			member = &m.result
		case "error":
			member = &m.err
		default:
			return
		}
		duplicate = duplicate || *member != nil
		*member = value
	})
	s.space()
	switch {
	case !ok || s.at < len(line):
		return m, errNoObject
	case !utf8.Valid(line):
		return m, errNoUTF8
	case duplicate:
		return m, errDuplicate
	}
	return m, nil
}

// EachMember shows each member of a JSON object to visit, in its order: the name
// without quotes and escapes, and the value. Both may be parts of text. It is
// false for what is no JSON object; some of it may have been shown by then.
func EachMember(text json.RawMessage, visit func(name, value []byte)) bool {
	s := scanner{text: text}
	return s.object(1, func(name, value []byte) { visit(unquote(name), value) }) && s.at == len(text)
}

// parseError gives nil for a value that is no error object.
func parseError(value []byte) *Error {
	var e Error
	if json.Unmarshal(value, &e) != nil {
		return nil
	}
	return &e
}

// unquote gives the characters of a JSON string, nil for another value.
func unquote(value []byte) []byte {
	if value[0] != '"' {
		return nil
	}
	if bytes.IndexByte(value, '\\') < 0 {
		return value[1 : len(value)-1]
	}
	var s string
	if json.Unmarshal(value, &s) != nil {
		return nil
	}
	return append([]byte{}, s...)
}

func notNull(value []byte) []byte {
	if string(value) == "null" {
		return nil
	}
	return value
}

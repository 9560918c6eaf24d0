package jsonrpc

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A Request needs exactly one answer: [Conn.Reply], [Conn.ReplyAppend] or
// [Conn.ReplyError] with its ID.
type Request struct {
	ID     ID
	Method string
	// Params is nil if the member is missing or null. The bytes are valid
	// until the handler returns; clone what is kept longer.
	Params json.RawMessage
	// Line is all of the message, without the newline: what [Conn.HandOn] takes. It is
	// valid as long as Params.
	Line []byte
}

// A Notification needs no answer. Params and Line are as in a [Request].
type Notification struct {
	Method string
	Params json.RawMessage
	Line   []byte
}

// An Answer is one to a request that was handed on. Line is as in a [Request], and Result
// is valid as long.
type Answer struct {
	ID     ID
	Result json.RawMessage // nil if Err is not
	Err    *Error
	Line   []byte
}

// Dropped is input that is no message, or too long for one. It may hold a secret, and so
// may an error about it, but not Reason.
type Dropped struct {
	Head      []byte // the first bytes of it, valid until the handler returns
	Bytes     int
	Reason    error
	IsTooLong bool // else it is no message
}

// Error is an error answer: the wire form and a Go error in one. One that [Conn.Call]
// returned has the client's own text.
type Error struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

// The codes in use (JSON-RPC 2.0, section 5.1).
const (
	// CodeInvalidRequest is the code of everything that a client can do wrong.
	CodeInvalidRequest = -32600
	// CodeInternal is the code of a failure of the server.
	CodeInternal = -32603
)

func (e *Error) Error() string { return fmt.Sprintf("error %d: %s", e.Code, e.Message) }

// ID is the id of a request: a string, or an integer within int64. It is sent back byte
// for byte (-0 as 0), is comparable, and may be kept.
type ID struct {
	integer int64
	text    string // a string as it stood on the line, with quotes and escapes
}

// parseID parses the value of an id member. An integer is kept as a number, which needs
// no memory of its own. JSON has one spelling for each integer but -0, which is answered
// as 0, as Codex does since 0.171.0.
func parseID(value []byte) (ID, bool) {
	if len(value) == 0 {
		return ID{}, false
	}
	if value[0] == '"' {
		return ID{text: string(value)}, true
	}
	n, err := strconv.ParseInt(string(value), 10, 64)
	return ID{integer: n}, err == nil
}

// HasPrefix reports whether the id is a string that begins with prefix, in which a JSON
// string needs no escape.
func (id ID) HasPrefix(prefix string) bool {
	if strings.Contains(id.text, `\`) {
		return strings.HasPrefix(string(unquote([]byte(id.text))), prefix)
	}
	return id.text != "" && strings.HasPrefix(id.text[1:], prefix)
}

// String is the id as it stands on a line.
func (id ID) String() string { return string(id.appendTo(nil)) }

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

// A message is the meaning of a line. Its bytes are parts of the line.
type message struct {
	kind   kind
	id     ID     // request, answer
	method []byte // request, notification; unescaped
	params []byte // request, notification; nil for null
	result []byte // result answer
	err    *Error // error answer
}

// The reasons why a line is no message.
var (
	errBlank     = errors.New("blank")
	errNoObject  = errors.New("not one JSON object")
	errNoUTF8    = errors.New("not UTF-8")
	errDuplicate = errors.New("a member occurs twice")
	errNoID      = errors.New("the id is neither a string nor an integer within int64")
	errNoMessage = errors.New("neither request nor notification nor answer")
)

// parse decides what a line is. Unknown members are ignored, also "jsonrpc".
func parse(line []byte) (message, error) {
	m, err := parseEnvelope(line)
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

// Parse decides what a line is, as a connection does that reads it: a [Request], a
// [Notification] or an [Answer]. Its parts are parts of the line. An error says that it is
// no message, and repeats nothing of it.
func Parse(line []byte) (any, error) {
	m, err := parse(line)
	if err != nil {
		return nil, err
	}
	switch m.kind {
	case request:
		return Request{ID: m.id, Method: string(m.method), Params: m.params, Line: line}, nil
	case notification:
		return Notification{Method: string(m.method), Params: m.params, Line: line}, nil
	}
	return Answer{ID: m.id, Result: m.result, Err: m.err, Line: line}, nil
}

// envelope has the values of the members of a message, nil for a missing one.
type envelope struct{ id, method, params, result, err []byte }

// parseEnvelope finds the members of a line, without a copy. It validates all of the line, also
// params and result, so that what is inside can be trusted later. UTF-8 is checked in a
// pass of its own: utf8.Valid reads eight bytes at a time, which costs less than a check of
// each byte in the scanner.
func parseEnvelope(line []byte) (envelope, error) {
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

// EachMember calls visit with each member of a JSON object, in its order: the name without
// quotes and escapes, and the value, which may be parts of text. It is false for a text
// that is no JSON object; visit may have been called by then. For params it is a second
// pass over bytes that parse has validated: to keep what it saw would cost the poll an
// allocation, and this pass a few hundred nanoseconds.
func EachMember(text json.RawMessage, visit func(name, value []byte)) bool {
	s := scanner{text: text}
	return s.object(1, func(name, value []byte) { visit(unquote(name), value) }) && s.at == len(text)
}

// parseError is nil for a value that is no error object.
func parseError(value []byte) *Error {
	var e Error
	if json.Unmarshal(value, &e) != nil {
		return nil
	}
	return &e
}

// unquote is the text of a JSON string, nil for another value.
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

// AnswerID is the id of a line that begins as an answer does, of which the end may be
// missing: the members before it count.
func AnswerID(head []byte) (id ID, ok bool) {
	id, isRequest, ok := headOf(head)
	return id, ok && !isRequest
}

// requestID is the same of a line that begins as a request does.
func requestID(head []byte) (id ID, ok bool) {
	id, isRequest, ok := headOf(head)
	return id, ok && isRequest
}

func headOf(head []byte) (id ID, isRequest, ok bool) {
	end := 0
	EachMember(head, func(name, value []byte) {
		end = cap(head) - cap(value) + len(value)
		switch string(name) {
		case "id":
			id, ok = parseID(value)
			ok = ok && end < len(head) // else digits may be missing
		case "method":
			isRequest = true
		}
	})
	torn := bytes.TrimLeft(head[end:], ", \t\r") // the member whose end is missing
	isRequest = isRequest || bytes.HasPrefix(torn, []byte(`"params"`)) || bytes.HasPrefix(torn, []byte(`"method"`))
	return id, isRequest, ok
}

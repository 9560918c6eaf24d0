package mcp

import (
	"encoding/json"
	"net/http"
	"strings"
)

// session is what client and server have agreed on: a value that is replaced and not
// changed. The zero value is that of a client that has not begun, or begins nothing.
type session struct {
	number  int    // how many began before this one
	id      string // "" if the server has given none
	version string // "" before initialize was answered
	opening *message
}

// begun is the session after an initialize was answered.
func (s session) begun(opening *message, header http.Header, result json.RawMessage) session {
	return session{
		number: s.number + 1, opening: opening,
		id: visible(header.Get(headerSession)), version: visible(textOf(memberOf(result, "protocolVersion"))),
	}
}

// visible is a text that a header can repeat, "" for another one.
func visible(text string) string {
	if strings.IndexFunc(text, func(r rune) bool { return r < '!' || r > '~' }) >= 0 {
		return ""
	}
	return text
}

// has reports whether a message belongs to a session that a server can end.
func (s session) has(m *message) bool {
	return s.id != "" && !m.isModern() && m.method != methodInitialize
}

// address sets the headers by which the server knows where a message belongs.
func (s session) address(header http.Header, m *message) {
	switch {
	case m.isModern():
		header.Set(headerVersion, m.version)
		header.Set(headerMethod, inHeader(m.method))
		if m.name != "" {
			header.Set(headerName, inHeader(m.name))
		}
	case m.method != methodInitialize:
		s.name(header)
	}
}

// name sets the headers of every request of a session.
func (s session) name(header http.Header) {
	if s.version != "" {
		header.Set(headerVersion, s.version)
	}
	if s.id != "" {
		header.Set(headerSession, s.id)
	}
}

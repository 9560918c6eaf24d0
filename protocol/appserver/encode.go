package appserver

import (
	"encoding/json"
	"strconv"
	"sync/atomic"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/secret"
)

// statusEncoder writes protocol.GetAuthStatusResponse as JSON. It is written by
// hand for the one answer that is given many times a second, where encoding/json
// would be most of the work; a property holds it to the same bytes. It may be used
// concurrently.
type statusEncoder struct {
	lastPlain atomic.Pointer[string] // the last text that is its own JSON: polls hand out the same token
}

// append appends a status. Whatever is "" or absent is null.
func (e *statusEncoder) append(line []byte, method machine.Method, token secret.Token, requiresAuth bool) []byte {
	line = append(line, `{"authMethod":`...)
	line = e.appendText(line, string(method), method == "")
	line = append(line, `,"authToken":`...)
	line = e.appendText(line, token.Reveal(), token.IsAbsent())
	line = append(line, `,"requiresOpenaiAuth":`...)
	line = strconv.AppendBool(line, requiresAuth)
	return append(line, '}')
}

func (e *statusEncoder) appendText(line []byte, text string, null bool) []byte {
	switch {
	case null:
		return append(line, "null"...)
	case e.plain(text):
		line = append(line, '"')
		line = append(line, text...)
		return append(line, '"')
	}
	quoted, _ := json.Marshal(text) // a string can always be encoded
	return append(line, quoted...)
}

// isPlain reports whether text is its own JSON but for the quotes. Tokens are,
// and to find out takes longer than all the rest.
func (e *statusEncoder) plain(text string) bool {
	const shortBytes = 16 // a method, and no reason to forget the token
	if last := e.lastPlain.Load(); last != nil && *last == text {
		return true
	}
	for i := range len(text) {
		if c := text[i]; c < ' ' || c > '~' || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			return false
		}
	}
	if len(text) > shortBytes {
		kept := text // text itself would be moved to the heap for each call
		e.lastPlain.Store(&kept)
	}
	return true
}

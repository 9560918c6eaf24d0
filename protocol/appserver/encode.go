package appserver

import (
	"encoding/json"
	"strconv"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/secret"
)

// appendAuthStatus appends a protocol.GetAuthStatusResponse as JSON. It is
// written by hand for the one answer that is given many times a second, where
// encoding/json would be most of the work; a property holds it to the same bytes.
// Whatever is "" or absent is null.
func appendAuthStatus(line []byte, method machine.Method, token secret.Token, requiresAuth bool) []byte {
	line = append(line, `{"authMethod":`...)
	line = appendText(line, string(method), method == "")
	line = append(line, `,"authToken":`...)
	line = appendText(line, token.Reveal(), token.IsAbsent())
	line = append(line, `,"requiresOpenaiAuth":`...)
	line = strconv.AppendBool(line, requiresAuth)
	return append(line, '}')
}

func appendText(line []byte, text string, isNull bool) []byte {
	switch {
	case isNull:
		return append(line, "null"...)
	case isPlain(text):
		line = append(line, '"')
		line = append(line, text...)
		return append(line, '"')
	}
	quoted, _ := json.Marshal(text) // a string can always be encoded
	return append(line, quoted...)
}

// isPlain reports whether text is its own JSON but for the quotes. Tokens are.
func isPlain(text string) bool {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c > '~' || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			return false
		}
	}
	return true
}

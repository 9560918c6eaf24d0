package appserver

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/protocol/jsonrpc"
)

// invalid is the reference's code for everything that a client can do wrong.
func invalid(message string) *jsonrpc.Error {
	return &jsonrpc.Error{Code: jsonrpc.CodeInvalidRequest, Message: message}
}

func internal(message string) *jsonrpc.Error {
	return &jsonrpc.Error{Code: jsonrpc.CodeInternal, Message: message}
}

// badParams words a decoding error as the reference's decoder does.
func badParams(format string, args ...any) *jsonrpc.Error {
	return invalid("Invalid request: " + fmt.Sprintf(format, args...))
}

func missingField(name string) *jsonrpc.Error { return badParams("missing field `%s`", name) }

func unknownVariant(name string, known []string) *jsonrpc.Error {
	one := "one of "
	if len(known) == 1 {
		one = ""
	}
	return badParams("unknown variant `%s`, expected %s`%s`", name, one, strings.Join(known, "`, `"))
}

func wrongType(raw json.RawMessage, expected string) *jsonrpc.Error {
	return badParams("invalid type: %s, expected %s", typeName(raw), expected)
}

// typeName names a JSON value as the reference's decoder does.
func typeName(raw json.RawMessage) string {
	switch raw[0] {
	case '{':
		return "map"
	case '[':
		return "sequence"
	case 'n':
		return "null"
	case 't', 'f':
		return "boolean `" + string(raw) + "`"
	case '"':
		var value string
		_ = json.Unmarshal(raw, &value) // raw is valid JSON
		return "string " + strconv.Quote(value)
	}
	if bytes.ContainsAny(raw, ".eE") {
		return "floating point `" + string(raw) + "`"
	}
	return "integer `" + string(raw) + "`"
}

// refusalMessage says to a person why a login cannot be refreshed, in Codex's words
// where it has any.
func refusalMessage(reason history.Reason) string {
	const retry = " Please log out and sign in again."
	switch reason {
	case history.ReasonExpired:
		return "Your access token could not be refreshed because your refresh token has expired." + retry
	case history.ReasonReused, history.ReasonSpent:
		return "Your access token could not be refreshed because your refresh token was already used." + retry
	case history.ReasonRevoked:
		return "Your access token could not be refreshed because your refresh token was revoked." + retry
	}
	return "Your access token could not be refreshed." + retry
}

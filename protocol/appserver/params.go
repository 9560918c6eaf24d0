package appserver

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/bezoar-auth/bezoar/protocol/jsonrpc"
)

// object says how the params of a method are decoded: which members count, and where
// the value of each goes. There is one for each kind of params, made at the start, so
// that decoding a poll allocates nothing but the params. The errors are worded as those
// of Codex's decoder, which clients may show.
type object[P any] struct {
	what   string // as Codex's decoder calls it in errors
	fields []field[P]
}

// field is one member of an object.
type field[P any] struct {
	name     string
	required bool
	set      func(*P, json.RawMessage) *jsonrpc.Error
}

func objectOf[P any](what string, fields ...field[P]) object[P] {
	if len(fields) > 64 {
		panic("appserver: an object with more fields than a set has bits")
	}
	return object[P]{"struct " + what, fields}
}

// params decodes the parameters of a request, which must be there.
func (o object[P]) params(request jsonrpc.Request) (params P, err *jsonrpc.Error) {
	if request.Params == nil {
		return params, missingField("params")
	}
	err = o.decode(request.Params, &params)
	return params, err
}

// decode reads the members that fields name and ignores the others. The error is about
// the first wrong member, in the order of the text. jsonrpc has validated the text when
// it read the line; this second pass finds the members without an allocation.
func (o object[P]) decode(raw json.RawMessage, into *P) (err *jsonrpc.Error) {
	var seen uint64 // a bit for each field
	ok := jsonrpc.EachMember(raw, func(name, value []byte) {
		i := o.index(name)
		switch {
		case err != nil || i < 0:
		case seen&(1<<i) != 0:
			err = badParams("duplicate field `%s`", o.fields[i].name)
		default:
			seen |= 1 << i
			err = o.fields[i].set(into, value)
		}
	})
	if !ok {
		return wrongType(raw, o.what)
	}
	for i, field := range o.fields {
		if err == nil && field.required && seen&(1<<i) == 0 {
			return missingField(field.name)
		}
	}
	return err
}

func (o object[P]) index(name []byte) int {
	for i := range o.fields {
		if o.fields[i].name == string(name) {
			return i
		}
	}
	return -1
}

func (f field[P]) must() field[P] {
	f.required = true
	return f
}

// orNull takes null for a member that is not there.
func (f field[P]) orNull() field[P] {
	set := f.set
	f.set = func(params *P, raw json.RawMessage) *jsonrpc.Error {
		if isNull(raw) {
			return nil
		}
		return set(params, raw)
	}
	return f
}

func boolean[P any](name string, of func(*P) *bool) field[P] {
	return field[P]{name: name, set: func(params *P, raw json.RawMessage) *jsonrpc.Error {
		switch string(raw) {
		case "true":
			*of(params) = true
		case "false":
			*of(params) = false
		default:
			return wrongType(raw, "a boolean")
		}
		return nil
	}}
}

func text[P any](name string, of func(*P) *string) field[P] {
	return field[P]{name: name, set: func(params *P, raw json.RawMessage) *jsonrpc.Error {
		return decodeInto(raw, of(params), "a string")
	}}
}

// optionalText is a text that may be missing or null.
func optionalText[P any](name string, of func(*P) **string) field[P] {
	return field[P]{name: name, set: func(params *P, raw json.RawMessage) *jsonrpc.Error {
		*of(params) = new(string)
		return decodeInto(raw, *of(params), "a string")
	}}.orNull()
}

func texts[P any](name string, of func(*P) *[]string) field[P] {
	return field[P]{name: name, set: func(params *P, raw json.RawMessage) *jsonrpc.Error {
		var items []json.RawMessage
		if err := decodeInto(raw, &items, "a sequence"); err != nil {
			return err
		}
		for _, item := range items {
			var each string
			if err := decodeInto(item, &each, "a string"); err != nil {
				return err
			}
			*of(params) = append(*of(params), each)
		}
		return nil
	}}
}

// member is a member that is an object itself.
func member[P, Q any](name string, inner object[Q], of func(*P) *Q) field[P] {
	return field[P]{name: name, set: func(params *P, raw json.RawMessage) *jsonrpc.Error {
		return inner.decode(raw, of(params))
	}}
}

// decodeInto decodes a string or an array.
func decodeInto(raw json.RawMessage, into any, expected string) *jsonrpc.Error {
	if isNull(raw) || json.Unmarshal(raw, into) != nil {
		return wrongType(raw, expected)
	}
	return nil
}

func isNull(raw json.RawMessage) bool { return string(raw) == "null" }

// decodeNothing is for a method without parameters, which ignores any that come.
func decodeNothing(jsonrpc.Request) (struct{}, *jsonrpc.Error) { return struct{}{}, nil }

// badParams words a decoding error as Codex's decoder does.
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

// typeName names a JSON value as Codex's decoder does.
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

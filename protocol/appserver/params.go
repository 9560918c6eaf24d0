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
	name       string
	required   bool
	hasDefault bool // a sequence may end before it
	set        func(*P, json.RawMessage) *jsonrpc.Error
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
	if raw[0] == '[' {
		return o.decodeSequence(raw, into)
	}
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

// decodeSequence reads the values of all members, in their order and without their names, as
// Codex's decoder does too.
func (o object[P]) decodeSequence(raw json.RawMessage, into *P) *jsonrpc.Error {
	values := sequence(raw)
	for i, field := range o.fields {
		if i < len(values) {
			if err := field.set(into, values[i]); err != nil {
				return err
			}
		} else if !field.hasDefault {
			return badParams("invalid length %d, expected %s with %s", i, o.what, elements(len(o.fields)))
		}
	}
	if len(values) > len(o.fields) {
		return badParams("invalid length %d, expected %s in sequence", len(values), elements(len(o.fields)))
	}
	return nil
}

// value is that of a member, nil if there is none.
func (o object[P]) value(raw json.RawMessage, name string) (found json.RawMessage) {
	if at := o.index([]byte(name)); raw[0] == '[' {
		return sequence(raw)[at]
	}
	jsonrpc.EachMember(raw, func(member, value []byte) {
		if string(member) == name {
			found = value
		}
	})
	return found
}

// with is what was decoded, with another value of a member.
func (o object[P]) with(raw json.RawMessage, name string, value json.RawMessage) json.RawMessage {
	if raw[0] == '[' {
		values := sequence(raw)
		values[o.index([]byte(name))] = value
		return encoded(values)
	}
	members := map[string]json.RawMessage{}
	_ = json.Unmarshal(raw, &members)
	members[name] = value
	return encoded(members)
}

// encoded is the JSON of a value that has one.
func encoded(value any) json.RawMessage {
	text, err := jsonrpc.Encode(value)
	if err != nil {
		panic(err)
	}
	return text
}

// sequence are the elements of a JSON array, none for another value.
func sequence(raw json.RawMessage) (values []json.RawMessage) {
	_ = json.Unmarshal(raw, &values)
	return values
}

func elements(n int) string {
	if n == 1 {
		return "1 element"
	}
	return strconv.Itoa(n) + " elements"
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

// orDefault lets a sequence end before the member.
func (f field[P]) orDefault() field[P] {
	f.hasDefault = true
	return f
}

// unused is a member that Codex knows and bezoar does not use.
func unused[P any](name string) field[P] {
	return field[P]{name: name, set: func(*P, json.RawMessage) *jsonrpc.Error { return nil }}
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

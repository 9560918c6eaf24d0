// Package surface knows which part of Codex's app-server protocol is only for clients
// that asked for experimentalApi at initialize: methods, params of other methods, and
// notifications. A front that always asks its child for that part refuses it to a client
// that did not ask, as the child itself would have done.
//
// A [Table] is read from the JSON schemas that a Codex writes about itself ([Read]), or
// is the one of the Codex that this package was made with ([BuiltIn]).
package surface

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
)

// Table has the experimental requests of one Codex. Any goroutine may use it; do not
// change it. Its JSON is what a program may keep of a Codex that it has asked.
type Table struct {
	Methods map[string]Method `json:"methods"` // the experimental ones
	// Params are the experimental params of the other methods, in the order in which
	// Codex looks at them.
	Params map[string][]Param `json:"params"`
	// Shapes are what Codex can decode as the params of these methods.
	Shapes map[string]Shape `json:"shapes"`
}

// Method is what an experimental method takes as params.
type Method struct {
	Kinds      string   `json:"kinds,omitempty"`      // as those of a Param; "" if it takes none
	IsOptional bool     `json:"isOptional,omitempty"` // params may be left out
	Required   []string `json:"required,omitempty"`   // the members that it cannot do without
}

// Param is one experimental param.
type Param struct {
	// Path is the member of params, or the way to a member of a member, with dots.
	Path string `json:"path"`
	// Reason is what Codex says needs the capability.
	Reason string `json:"reason"`
	// Kinds are the JSON values that Codex can decode here, a letter each: o for an
	// object, a array, s string, n number, b boolean.
	Kinds string `json:"kinds"`
	// Absent is a value that counts as not given, as JSON without space; "" for none
	// besides null.
	Absent string `json:"absent,omitempty"`
	// NullCounts is true if null is a value of its own.
	NullCounts bool `json:"nullCounts,omitempty"`
}

// anyKind are all kinds of values.
const anyKind = "oasnb"

// Refusal is the message of the error -32600 with which Codex refuses a request of a
// client without experimentalApi, or "" if it does not. Params is JSON, nil for none.
//
// A request that Codex cannot decode is not refused here: Codex answers it before it
// looks at capabilities, with a text of its own. That is judged by the members of params
// that are missing or are no value of their kind, and by their own, as far as a Shape goes.
func (t *Table) Refusal(method string, params json.RawMessage) string {
	if experimental, ok := t.Methods[method]; ok {
		if !experimental.canDecode(params) {
			return ""
		}
		return refusal(method)
	}
	experimental := t.Params[method]
	if len(experimental) == 0 {
		return ""
	}
	given := members(params)
	if given == nil {
		return ""
	}
	for _, each := range experimental {
		if each.isGiven(given) {
			if !t.Shapes[method].fits(params) {
				return ""
			}
			return refusal(each.Reason)
		}
	}
	return ""
}

func refusal(reason string) string { return reason + " requires experimentalApi capability" }

// canDecode is false if Codex certainly fails to decode the params.
func (m Method) canDecode(params json.RawMessage) bool {
	kind := kindOf(params)
	switch {
	case kind == "":
		return m.IsOptional || m.Kinds == ""
	case m.Kinds == "":
		return kind == "o" && len(members(params)) == 0
	case !strings.Contains(m.Kinds, kind):
		return false
	case kind == "o":
		given := members(params)
		return !slices.ContainsFunc(m.Required, func(name string) bool { return given[name] == nil })
	case kind == "a":
		var given []json.RawMessage // the members in their order
		return json.Unmarshal(params, &given) == nil && len(given) >= len(m.Required)
	}
	return true
}

// isGiven reports whether the params have a value for p that Codex can decode and that
// is not the same as none.
func (p Param) isGiven(params map[string]json.RawMessage) bool {
	name, rest, nested := strings.Cut(p.Path, ".")
	value, ok := params[name]
	for ok && nested {
		name, rest, nested = strings.Cut(rest, ".")
		value, ok = members(value)[name]
	}
	kind := kindOf(value)
	if !ok || kind == "" {
		return ok && p.NullCounts
	}
	if !strings.Contains(p.Kinds, kind) {
		return false
	}
	return p.Absent == "" || p.Absent != compact(value)
}

// kindOf is the letter of a JSON value, "" for null and for none.
func kindOf(value json.RawMessage) string {
	value = bytes.TrimLeft(value, " \t\r\n")
	if len(value) == 0 {
		return ""
	}
	switch value[0] {
	case '{':
		return "o"
	case '[':
		return "a"
	case '"':
		return "s"
	case 't', 'f':
		return "b"
	case 'n':
		return ""
	}
	return "n"
}

// members are the members of an object, nil if value is none.
func members(value json.RawMessage) map[string]json.RawMessage {
	var all map[string]json.RawMessage
	if kindOf(value) != "o" || json.Unmarshal(value, &all) != nil {
		return nil
	}
	return all
}

// compact is a short value without space, and a long one as it is.
func compact(value json.RawMessage) string {
	const long = 100 // values that count as none are two or five letters
	var b bytes.Buffer
	if len(value) > long || json.Compact(&b, value) != nil {
		return string(value)
	}
	return b.String()
}

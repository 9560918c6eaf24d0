// Package record has what the formats of stored logins share: a JSON object that keeps
// what it does not know, a reader of its members, and what a [Format] is.
package record

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"unicode/utf8"
)

// Object is a JSON object as its writer spelled it: its members in their order, and
// names and values as they were spelled. Unmarshalling into a struct would take
// "Tokens" for "tokens", and the last of two members for the only one.
type Object []member

type member struct {
	name   string // what the spelling says
	quoted []byte
	value  []byte
}

// Null is the value of a member that says nothing.
var Null = []byte("null")

// byteOrderMark is what editors on Windows may put before UTF-8. RFC 8259 lets a
// reader pass over it.
var byteOrderMark = []byte("\ufeff")

// Parse reads a whole document, or says why it is none in an
// [*persist.UnreadableError] without any of its content.
func Parse(data []byte) (Object, error) {
	if len(data) > SizeLimitBytes {
		return nil, Unreadable("it is larger than %d bytes", SizeLimitBytes)
	}
	mark := len(data)
	data = bytes.TrimPrefix(data, byteOrderMark)
	mark -= len(data)
	if bytes.HasPrefix(data, []byte{0xff, 0xfe}) || bytes.HasPrefix(data, []byte{0xfe, 0xff}) {
		return nil, Unreadable("it is UTF-16, and has to be UTF-8")
	}
	if !utf8.Valid(data) {
		return nil, Unreadable("it is not UTF-8")
	}
	var whole json.RawMessage
	if err := json.Unmarshal(data, &whole); err != nil {
		if syntax := new(json.SyntaxError); errors.As(err, &syntax) {
			return nil, Unreadable("it is not valid JSON (byte %d)", int(syntax.Offset)+mark)
		}
		return nil, Unreadable("it is not valid JSON")
	}
	top, ok := Split(data)
	if !ok {
		return nil, Unreadable("it is not a JSON object")
	}
	return top, nil
}

// Split takes a value apart that is known to be valid JSON. It is false if the
// value is no object.
func Split(value []byte) (Object, bool) {
	decoder := json.NewDecoder(bytes.NewReader(value))
	if open, err := decoder.Token(); err != nil || open != json.Delim('{') {
		return nil, false
	}
	var o Object
	for decoder.More() {
		from := decoder.InputOffset()
		name, err := decoder.Token()
		if err != nil {
			return nil, false
		}
		quoted := bytes.TrimLeft(value[from:decoder.InputOffset()], ", \t\r\n")
		var raw json.RawMessage
		if err := decoder.Decode(&raw); err != nil {
			return nil, false
		}
		o = append(o, member{name: name.(string), quoted: quoted, value: raw})
	}
	return o, true
}

// Unique is the value of the member with exactly this name, nil if there is none
// or it is null. It is false if there are several.
func (o Object) Unique(name string) (value []byte, once bool) {
	count := 0
	for _, each := range o {
		if each.name == name {
			value = each.value
			count++
		}
	}
	if bytes.Equal(value, Null) {
		value = nil
	}
	return value, count <= 1
}

// Without are the other members.
func (o Object) Without(names ...string) Object {
	var rest Object
	for _, each := range o {
		if !slices.Contains(names, each.name) {
			rest = append(rest, each)
		}
	}
	return rest
}

// Add puts a member at the end.
func (o *Object) Add(name string, value []byte) {
	*o = append(*o, member{name: name, quoted: Text(name), value: value})
}

// Indent is that of one level.
const Indent = "  "

// Indented writes the members one a line. Values go out as they are: to lay out
// a deeply nested stranger anew could make it a thousand times longer.
func (o Object) Indented(prefix string) []byte {
	var out bytes.Buffer
	out.WriteString("{")
	for i, each := range o {
		if i > 0 {
			out.WriteString(",")
		}
		out.WriteString("\n" + prefix + Indent)
		out.Write(each.quoted)
		out.WriteString(": ")
		out.Write(each.value)
	}
	out.WriteString("\n" + prefix + "}")
	return out.Bytes()
}

// Text is s as a JSON string, without the escapes that HTML wants.
func Text(s string) []byte {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(s) // a string can always be encoded
	return bytes.TrimSuffix(out.Bytes(), []byte("\n"))
}

// Unquote is the text of a JSON string. It is false if the value is none, or
// one with half a surrogate pair: encoding/json would put U+FFFD there, and a
// token with another character is another token.
func Unquote(value []byte) (string, bool) {
	var s string
	if err := json.Unmarshal(value, &s); err != nil {
		return "", false
	}
	const replacement = string(utf8.RuneError)
	spelled := strings.Count(string(value), replacement) + strings.Count(strings.ToLower(string(value)), `\ufffd`)
	return s, strings.Count(s, replacement) <= spelled
}

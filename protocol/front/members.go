package front

import (
	"bytes"
	"encoding/json"

	"github.com/bezoar-auth/bezoar/protocol/jsonrpc"
)

// memberOf is the value of a member of a JSON object, nil if there is none: a part of text.
func memberOf(text json.RawMessage, name string) json.RawMessage {
	var found json.RawMessage
	jsonrpc.EachMember(text, func(each, value []byte) {
		if string(each) == name {
			found = value
		}
	})
	return found
}

// membersOf are the members of a JSON object; none of another value.
func membersOf(text json.RawMessage) map[string]json.RawMessage {
	all := map[string]json.RawMessage{}
	_ = json.Unmarshal(text, &all)
	if all == nil { // of null
		all = map[string]json.RawMessage{}
	}
	return all
}

// encode is the JSON of a value that has one, without escapes for HTML.
func encode(value any) json.RawMessage {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(value); err != nil {
		panic(err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte{'\n'})
}

package front

import (
	"encoding/json"
	"slices"

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

// instead is a line with another value in place of a part of it, which memberOf has found.
func instead(line []byte, part, value json.RawMessage) []byte {
	at := cap(line) - cap(part) // both end where the line's memory does
	return slices.Concat(line[:at], value, line[at+len(part):])
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

// encode is the JSON of a value that has one.
func encode(value any) json.RawMessage {
	encoded, err := jsonrpc.Encode(value)
	if err != nil {
		panic(err)
	}
	return encoded
}

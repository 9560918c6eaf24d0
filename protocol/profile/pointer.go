package profile

import (
	"encoding/json"
	"strconv"
	"strings"
)

// isPointer reports whether a text is a JSON pointer (RFC 6901 section 3) to something
// inside of a document.
func isPointer(text string) bool {
	rest := strings.NewReplacer("~0", "", "~1", "").Replace(text)
	return strings.HasPrefix(text, "/") && !strings.Contains(rest, "~")
}

// Lookup is the text at a JSON pointer (RFC 6901) in a JSON document; false if there is
// none, or no text.
func Lookup(document []byte, pointer string) (text string, ok bool) {
	at := json.RawMessage(document)
	for _, name := range Steps(pointer) {
		if at, ok = within(at, name); !ok {
			return "", false
		}
	}
	ok = string(at) != "null" && json.Unmarshal(at, &text) == nil
	return text, ok
}

// Steps are the names that a JSON pointer leads through, from the outside in (RFC 6901 section 4).
func Steps(pointer string) []string {
	steps := strings.Split(strings.TrimPrefix(pointer, "/"), "/")
	for i, each := range steps {
		steps[i] = strings.NewReplacer("~1", "/", "~0", "~").Replace(each)
	}
	return steps
}

// within is the member of an object, or of an array, whose members have numbers.
func within(value json.RawMessage, name string) (found json.RawMessage, ok bool) {
	var object map[string]json.RawMessage
	if json.Unmarshal(value, &object) == nil {
		found, ok = object[name]
		return found, ok
	}
	var list []json.RawMessage
	at, err := strconv.Atoi(name)
	if err != nil || strconv.Itoa(at) != name || json.Unmarshal(value, &list) != nil || at < 0 || at >= len(list) {
		return nil, false
	}
	return list[at], true
}

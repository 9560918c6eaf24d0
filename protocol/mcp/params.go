package mcp

import (
	"encoding/json"
	"maps"
	"net/http"
	"strconv"
	"sync"

	"github.com/bezoar-auth/bezoar/protocol/jsonrpc"
	"github.com/bezoar-auth/bezoar/protocol/outbound"
)

// tools are what the server has said of its tools: which arguments it wants in headers
// (x-mcp-header of the revision 2026-07-28). The zero value knows none. Its methods may be
// called concurrently.
type tools struct {
	mu    sync.Mutex
	wants map[string][]wanted // by the name of the tool
}

// wanted is an argument that a tool wants in a header.
type wanted struct {
	path   []string // of the argument, from the outside in
	header string
}

// maxTools is how many tools with such arguments are remembered.
const maxTools = 4096

// learn takes up the result of tools/list, which may be one page of several.
func (t *tools) learn(result json.RawMessage) {
	var list struct {
		Tools []struct {
			Name        string          `json:"name"`
			InputSchema json.RawMessage `json:"inputSchema"`
		} `json:"tools"`
	}
	if json.Unmarshal(result, &list) != nil {
		return
	}
	learned := map[string][]wanted{}
	for _, each := range list.Tools {
		learned[each.Name] = wantedBy(each.InputSchema, nil)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.wants == nil || len(t.wants)+len(learned) > maxTools {
		t.wants = map[string][]wanted{}
	}
	maps.Copy(t.wants, learned)
	maps.DeleteFunc(t.wants, func(_ string, w []wanted) bool { return len(w) == 0 })
}

// wantedBy are the arguments of a schema with x-mcp-header, also nested ones.
func wantedBy(schema json.RawMessage, path []string) (all []wanted) {
	if len(path) > 16 {
		return nil
	}
	jsonrpc.EachMember(memberOf(schema, "properties"), func(name, property []byte) {
		here := append(append([]string(nil), path...), string(name))
		if header := textOf(memberOf(property, "x-mcp-header")); outbound.IsToken(header) {
			all = append(all, wanted{here, headerParam + header})
		}
		all = append(all, wantedBy(property, here)...)
	})
	return all
}

// address sets the headers that the call of a tool needs.
func (t *tools) address(header http.Header, m *message) {
	if m.method != methodCallTool || !m.isModern() {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, each := range t.wants[m.name] {
		value := memberOf(m.params, "arguments")
		for _, name := range each.path {
			value = memberOf(value, name)
		}
		if text, ok := primitive(value); ok {
			header.Set(each.header, inHeader(text))
		}
	}
}

// safeInteger is the largest integer that each program writes alike (2^53 - 1).
const safeInteger = 1<<53 - 1

// primitive is the text of a string, a boolean or an integer.
func primitive(value json.RawMessage) (string, bool) {
	text := string(value)
	switch {
	case text == "", text == "null":
		return "", false
	case text == "true", text == "false":
		return text, true
	case text[0] == '"':
		return textOf(value), true
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || n != float64(int64(n)) || n > safeInteger || n < -safeInteger {
		return "", false
	}
	return strconv.FormatInt(int64(n), 10), true
}

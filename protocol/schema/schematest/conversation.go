package schematest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/bezoar-auth/bezoar/protocol/schema"
)

// T reports a mistake: a test, or a property's.
type T interface {
	Helper()
	Errorf(format string, args ...any)
}

// Conversation checks the server's side of one connection. It needs all lines of both sides:
// a request before the server gets it, an answer after the server has sent it. Its methods
// may be called concurrently.
type Conversation struct {
	t       T
	mu      sync.Mutex
	pending map[string]*pending // by id, which a client may use twice
}

// pending has the requests with one id. An error answer does not say which of them it is for.
type pending struct {
	methods []string // without those that were answered with a result
	refused int      // how many of them were answered with an error
}

// New starts the check of a conversation; each mistake fails t.
func New(t T) *Conversation {
	return &Conversation{t: t, pending: map[string]*pending{}}
}

// Client records a line of the client, which is not checked.
func (c *Conversation) Client(line []byte) {
	var request map[string]json.RawMessage
	var method string
	if json.Unmarshal(line, &request) != nil || request["id"] == nil || json.Unmarshal(request["method"], &method) != nil {
		return // no request
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	id := string(request["id"])
	if id == "-0" {
		id = "0" // as it is answered
	}
	if c.pending[id] == nil {
		c.pending[id] = &pending{}
	}
	c.pending[id].methods = append(c.pending[id].methods, method)
}

// Server checks that a line of the server is a message of the protocol and, for an answer,
// that it fits its request.
func (c *Conversation) Server(line []byte) {
	c.t.Helper()
	if err := c.check(line); err != nil {
		c.t.Errorf("the server's line does not match the schema: %v", err)
	}
}

// Type checks that value is JSON of the type with that published name.
func Type(t T, name string, value []byte) {
	t.Helper()
	decoded, err := jsonschema.UnmarshalJSON(bytes.NewReader(value))
	if err == nil {
		err = conforms(name, decoded)
	}
	if err != nil {
		t.Errorf("the value does not match the schema: %v", err)
	}
}

func (c *Conversation) check(line []byte) error {
	message, err := parse(line)
	if err != nil {
		return err
	}
	if err := message.check(); err != nil || !message.answer() {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	waiting := c.pending[message.id]
	if waiting == nil || len(waiting.methods) == waiting.refused {
		return fmt.Errorf("no request has the id %s", message.id)
	}
	result, ok := message.members["result"]
	if !ok {
		waiting.refused++
		return nil
	}
	answered, err := matching(waiting.methods, result)
	if err == nil {
		waiting.methods = slices.Delete(waiting.methods, answered, answered+1)
	}
	return err
}

// matching is the index of the first of the methods that result can answer: a client may
// use an id twice.
func matching(methods []string, result any) (int, error) {
	var problems []error
	for i, name := range methods {
		method, known := find(schema.ClientRequest, name)
		if !known {
			problems = append(problems, fmt.Errorf("%s is no method", name))
			continue
		}
		err := conforms(method.Result, result)
		if err == nil {
			return i, nil
		}
		problems = append(problems, err)
	}
	return 0, errors.Join(problems...)
}

// message is a line of a server.
type message struct {
	id      string // as on the line; "" for none
	members map[string]any
}

func parse(line []byte) (message, error) {
	decoded, err := jsonschema.UnmarshalJSON(bytes.NewReader(line))
	if err != nil {
		return message{}, fmt.Errorf("not JSON: %w", err)
	}
	members, ok := decoded.(map[string]any)
	if !ok {
		return message{}, errors.New("no object")
	}
	var raw map[string]json.RawMessage
	_ = json.Unmarshal(line, &raw) // it is an object
	return message{string(raw["id"]), members}, nil
}

func (m message) answer() bool { return m.members["method"] == nil }

// check checks a message on its own.
func (m message) check() error {
	_, ok := m.members["result"]
	switch {
	case m.answer() && ok:
		return conforms("JSONRPCResponse", m.members)
	case m.answer():
		return conforms("JSONRPCError", m.members)
	case m.id != "":
		return m.checkCall(schema.ServerRequest, "JSONRPCRequest")
	}
	return m.checkCall(schema.ServerNotification, "JSONRPCNotification")
}

func (m message) checkCall(kind schema.Kind, envelope string) error {
	name, _ := m.members["method"].(string)
	method, known := find(kind, name)
	if !known {
		return fmt.Errorf("%q is no %s", name, kind)
	}
	if method.Params != "" {
		if err := conforms(method.Params, m.members["params"]); err != nil {
			return err
		}
	}
	return errors.Join(conforms(string(kind), m.members), conforms(envelope, m.members))
}

func find(kind schema.Kind, name string) (schema.Method, bool) {
	for _, method := range schema.Methods() {
		if method.Kind == kind && method.Name == name {
			return method, true
		}
	}
	return schema.Method{}, false
}

package jsonrpc

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
)

// ErrClosed is the error of [Conn.Call] when no answer can come any more.
var ErrClosed = errors.New("connection closed")

// Call sends the client a request and waits for the result. Errors: the *[Error] that the
// client answered, [ErrClosed], or ctx's error; a later answer is ignored. A handler must
// not wait for Call, for the answer could not be read.
func (c *Conn) Call(ctx context.Context, method string, params any) (json.RawMessage, error) {
	id, answered := c.calls.open()
	defer c.calls.forget(id)
	err := c.send(struct {
		ID     int64  `json:"id"`
		Method string `json:"method"`
		Params any    `json:"params,omitempty"`
	}{id, method, params})
	if err != nil {
		return nil, fmt.Errorf("encode params of %s: %w", method, err)
	}
	select {
	case m := <-answered:
		return m.unpack()
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-c.ended:
	}
	select {
	case m := <-answered: // the answer was in the last line of the input
		return m.unpack()
	default:
		return nil, ErrClosed
	}
}

func (m message) unpack() (json.RawMessage, error) {
	if m.err != nil {
		return nil, m.err
	}
	return m.result, nil
}

// calls are the server's requests that wait for an answer.
type calls struct {
	mu      sync.Mutex
	next    int64
	waiting map[int64]chan message
}

func (c *calls) open() (int64, <-chan message) {
	c.mu.Lock()
	defer c.mu.Unlock()
	id, answered := c.next, make(chan message, 1)
	c.next++
	if c.waiting == nil {
		c.waiting = map[int64]chan message{}
	}
	c.waiting[id] = answered
	return id, answered
}

func (c *calls) forget(id int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.waiting, id)
}

// deliver hands an answer to its call, if one waits. The first answer counts.
func (c *calls) deliver(m message) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	answered, ok := c.waiting[m.id.integer]
	if !ok || m.id.text != "" {
		return false
	}
	delete(c.waiting, m.id.integer)
	m.result = bytes.Clone(m.result)
	answered <- m
	return true
}

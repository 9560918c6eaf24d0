package jsonrpc

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync"
)

// ErrClosed is the error of [Conn.Call] when no answer can come any more.
var ErrClosed = errors.New("connection closed")

// Call sends the other side a request and waits for the result. Errors: the *[Error] that
// it answered, [ErrClosed], or ctx's error; a later answer is ignored. A handler must
// not wait for Call, for the answer could not be read.
func (c *Conn) Call(ctx context.Context, method string, params any) (json.RawMessage, error) {
	answered := make(chan Answer, 1)
	forget, err := c.Begin(method, params, func(a Answer) {
		a.Result = bytes.Clone(a.Result)
		answered <- a
	})
	defer forget()
	if err != nil {
		return nil, err
	}
	select {
	case a := <-answered:
		return a.unpack()
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-c.ended:
	}
	select {
	case a := <-answered: // the answer was in the last line of the input
		return a.unpack()
	default:
		return nil, ErrClosed
	}
}

func (a Answer) unpack() (json.RawMessage, error) {
	if a.Err != nil {
		return nil, a.Err
	}
	return a.Result, nil
}

// Begin sends the other side a request and returns. answered is called with the answer on
// the reading goroutine, so before a line behind it is handled, and must not wait. It is
// not called after forget, nor if the connection ends before there is an answer, and it is
// called once at most. An error says that params cannot be encoded and nothing was sent.
func (c *Conn) Begin(method string, params any, answered func(Answer)) (forget func(), err error) {
	id := c.calls.open(answered)
	forget = func() { c.calls.forget(id) }
	err = c.send(struct {
		ID     json.RawMessage `json:"id"`
		Method string          `json:"method"`
		Params any             `json:"params,omitempty"`
	}{id.appendTo(nil), method, params})
	if err != nil {
		forget()
		err = fmt.Errorf("encode params of %s: %w", method, err)
	}
	return forget, err
}

// calls are our requests that wait for an answer.
type calls struct {
	prefix  string
	mu      sync.Mutex
	next    int64
	waiting map[ID]func(Answer)
}

func (c *calls) open(answered func(Answer)) ID {
	c.mu.Lock()
	defer c.mu.Unlock()
	id := ID{integer: c.next}
	if c.prefix != "" {
		id = ID{text: strconv.Quote(c.prefix + strconv.FormatInt(c.next, 10))}
	}
	c.next++
	if c.waiting == nil {
		c.waiting = map[ID]func(Answer){}
	}
	c.waiting[id] = answered
	return id
}

func (c *calls) forget(id ID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.waiting, id)
}

// deliver hands an answer to its call, if one waits. The first answer counts.
func (c *calls) deliver(m message, line []byte) bool {
	c.mu.Lock()
	answered, ok := c.waiting[m.id]
	delete(c.waiting, m.id)
	c.mu.Unlock()
	if ok {
		answered(Answer{ID: m.id, Result: m.result, Err: m.err, Line: line})
	}
	return ok
}

// Package jsonrpc is the connection of a stdio app server: one JSON object per
// line in both directions, JSON-RPC without the "jsonrpc" member. It knows no
// method.
//
// Four ideas, a file each:
//
//   - scan.go, message.go: a line is a request, a notification, an answer to
//     a call of ours, or no message. What is no message is logged by its
//     length and dropped; it may hold a secret, so its content is not shown.
//   - conn.go: lines are taken up one after the other, in the order they came.
//   - outbox.go: answers collect while a burst of lines is taken up and leave
//     in one Write. Nobody who answers ever waits for the client; only the
//     reading does, once 4 MiB of answers wait for a client that does not
//     read. So no request is refused, dropped or reordered for load.
//   - call.go: our own requests to the client.
package jsonrpc

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"
)

// A Handler takes what the client sends, one message after the other, in the
// order the lines came; the next line waits until it returns. So it must not
// wait for long, and never for [Conn.Call]: it starts a goroutine for that
// and answers from there.
type Handler interface {
	Request(Request)
	Notification(Notification)
}

// Options of a connection; the zero value is a good one.
type Options struct {
	// Log gets what is dropped, by length and reason, never by content. Nil
	// is silence.
	Log *slog.Logger
	// Now is the clock of emittedAtMs, time.Now if nil.
	Now func() time.Time
	// LineLimitBytes is the longest line that is taken up, 64 MiB if 0.
	LineLimitBytes int
	// QueueLimitBytes is how much may wait for the client to read it before
	// no further line is taken up, 4 MiB if 0. Answers to lines already taken
	// up still go on top.
	QueueLimitBytes int
}

// Conn is one connection. Its methods may be called from any goroutine, also
// from a handler, and but for Call, Close and Serve they never wait for the
// client. What cannot be written any more is dropped silently: the client is
// gone or has been told to go.
type Conn struct {
	log     *slog.Logger
	now     func() time.Time
	handler Handler
	in      lines
	out     *outbox
	calls   calls

	lastMethod string // saves an allocation a poll

	endOnce sync.Once
	ended   chan struct{}
	err     error // why it ended; read after ended
}

// New makes a connection that reads r and writes w. Nothing happens before
// Serve but for what is written.
func New(r io.Reader, w io.Writer, o Options) *Conn {
	c := &Conn{
		log:   cmp.Or(o.Log, slog.New(slog.DiscardHandler)),
		now:   o.Now,
		ended: make(chan struct{}),
	}
	if c.now == nil {
		c.now = time.Now
	}
	c.in = newLines(r, cmp.Or(o.LineLimitBytes, 64<<20), c.log)
	c.out = newOutbox(w, cmp.Or(o.QueueLimitBytes, 4<<20), c.read, c.end)
	return c
}

// Serve hands what comes in to h until the input ends or Stop or Close is called
// (nil), or reading or writing fails (an error that wraps the cause; further
// answers are dropped). When it returns, requests may still be unanswered and
// answers unwritten: answer them, then Close. A Read that is under way cannot
// be stopped, so its goroutine may stay behind; h gets nothing more once
// Serve has returned for Close or a failed write, but for the message it is
// at. Call it once.
func (c *Conn) Serve(h Handler) error {
	c.handler = h
	go c.read()
	<-c.ended
	return c.err
}

// Stop makes Serve return, whatever the client does. Lines that come later may
// still be taken up, and everything can be answered, until Close.
func (c *Conn) Stop() { c.end(nil) }

// Close drops what is answered from now on and waits until everything before
// is written, or ctx ends. An error says that something may be unwritten: the
// context's, or the failed Write's.
func (c *Conn) Close(ctx context.Context) error {
	c.end(nil)
	return c.out.close(ctx)
}

// Reply answers a request with a result, encoded as JSON. A result that
// cannot be encoded is a fault of ours, and answered as such.
func (c *Conn) Reply(id ID, result any) {
	encoded, err := encode(result)
	if err != nil {
		// Not the error: one that a MarshalJSON made could hold anything.
		c.log.Error("result not encodable", "type", fmt.Sprintf("%T", result))
		c.ReplyError(id, &Error{Code: CodeInternal, Message: "internal error"})
		return
	}
	c.ReplyRaw(id, encoded)
}

// ReplyRaw answers a request with a result that is already JSON.
func (c *Conn) ReplyRaw(id ID, result json.RawMessage) {
	c.ReplyAppend(id, func(line []byte) []byte { return append(line, result...) })
}

// ReplyAppend answers a request with the JSON that result appends to the
// outgoing line: the way without an allocation. The connection is locked
// meanwhile: result must not use it.
func (c *Conn) ReplyAppend(id ID, result func(line []byte) []byte) {
	c.out.add(func(line []byte) []byte {
		line = append(line, `{"id":`...)
		line = id.appendTo(line)
		line = append(line, `,"result":`...)
		start := len(line)
		line = result(line)
		// In JSON a newline can only be space between tokens, here it would
		// tear the line.
		if bytes.IndexByte(line[start:], '\n') >= 0 {
			copy(line[start:], bytes.ReplaceAll(line[start:], []byte{'\n'}, []byte{' '}))
		}
		return append(line, '}')
	})
}

// ReplyError answers a request with an error.
func (c *Conn) ReplyError(id ID, e *Error) {
	encoded, err := encode(e)
	if err != nil {
		panic(err) // a number and a string
	}
	c.out.add(func(line []byte) []byte {
		line = append(line, `{"error":`...)
		line = append(line, encoded...)
		line = append(line, `,"id":`...)
		line = id.appendTo(line)
		return append(line, '}')
	})
}

// Notify tells the client something. Params is encoded as JSON, and left out
// if nil; emittedAtMs is added, as codex 0.169.0 has it.
func (c *Conn) Notify(method string, params any) {
	err := c.send(struct {
		Method      string `json:"method"`
		Params      any    `json:"params,omitempty"`
		EmittedAtMs int64  `json:"emittedAtMs"`
	}{method, params, c.now().UnixMilli()})
	if err != nil {
		c.log.Error("notification not encodable", "method", method, "type", fmt.Sprintf("%T", params))
	}
}

// read is the reading goroutine: it takes up lines until the input or the
// connection ends, or until another goroutine has taken over the reading.
func (c *Conn) read() {
	for {
		line, err := c.in.next()
		if err == io.EOF {
			c.end(nil)
			return
		}
		if err != nil {
			c.end(fmt.Errorf("read input: %w", err))
			return
		}
		if !c.out.begin() {
			return
		}
		c.take(line)
		if !c.out.flush(c.in.more()) {
			return
		}
	}
}

func (c *Conn) take(line []byte) {
	m, err := parse(line)
	if err == errBlank {
		return
	}
	if err != nil {
		c.log.Warn("line dropped", "bytes", len(line), "reason", err)
		return
	}
	switch m.kind {
	case request:
		c.handler.Request(Request{m.id, c.methodName(m.method), m.params})
	case notification:
		c.handler.Notification(Notification{c.methodName(m.method), m.params})
	case answer:
		if !c.calls.deliver(m) {
			c.log.Debug("answer to no call of ours", "bytes", len(line))
		}
	}
}

// methodName makes a string of a method; a client that polls sends the same
// one again and again.
func (c *Conn) methodName(method []byte) string {
	if string(method) != c.lastMethod {
		c.lastMethod = string(method)
	}
	return c.lastMethod
}

// end ends Serve, and every Call.
func (c *Conn) end(err error) {
	c.endOnce.Do(func() {
		c.err = err
		close(c.ended)
	})
}

// send queues a message that encoding/json makes.
func (c *Conn) send(message any) error {
	encoded, err := encode(message)
	if err != nil {
		return err
	}
	c.out.add(func(line []byte) []byte { return append(line, encoded...) })
	return nil
}

// encode gives JSON on one line and leaves <, > and & as they are.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte{'\n'}), err
}

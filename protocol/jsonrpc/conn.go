// Package jsonrpc is the connection between a client and a stdio app server: one JSON
// object per line in both directions, which is JSON-RPC 2.0 without the "jsonrpc"
// member. It knows no method.
//
// A line is read in this order:
//
//   - line.go cuts the input into lines;
//   - conn.go reads them, and hands the requests to the [Handler] in their order;
//   - message.go decides what a line is: a request, a notification, an answer to a
//     request of the server, or no message. A line that is no message is dropped and
//     logged by its length, never by its content, which may be a secret;
//   - scan.go is the JSON scanner under it;
//   - outbox.go collects the answers to a burst of lines and writes them at once. An
//     answer never waits for the client. Only the reading waits, once 4 MiB of answers
//     are queued for a client that does not read. So load refuses, drops and reorders
//     nothing;
//   - call.go sends the server's own requests to the client.
//
// Two connections make a proxy: the line of a message is handed on by [Conn.HandOn], an
// answer to no call of this connection goes to an [AnswerHandler], and a connection that may
// not stop reading for the sake of its queue has [Options].ReadsOn, while the other one's
// handler waits in [Conn.AwaitRoom].
package jsonrpc

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"math/bits"
	"sync"
	"time"
)

// A Handler gets the messages of the client, one after the other, in the order of the
// lines; the next line waits until it returns. So it must not wait for long, and never
// for [Conn.Call]: it starts a goroutine for that and answers from there.
type Handler interface {
	Request(Request)
	Notification(Notification)
}

// An AnswerHandler also gets the answers to requests that were not made by [Conn.Call] or
// [Conn.Begin] but handed on by [Conn.HandOn]. A handler that is none does not get them.
type AnswerHandler interface {
	Handler
	Answer(Answer)
}

// A DropHandler also gets what is dropped because it is no message, or is longer than
// the limit. A request that is too long has been answered by then, if its first bytes have
// its id.
type DropHandler interface {
	Handler
	Dropped(Dropped)
}

// Options of a connection. Each zero value stands for its default.
type Options struct {
	// Log gets the lines that are dropped, by length and reason. nil for no log.
	Log *slog.Logger
	// Now is the clock of emittedAtMs, time.Now if nil.
	Now func() time.Time
	// LineLimitBytes is the length of the longest line that is read, 64 MiB if 0. A longer
	// request is answered with CodeInvalidRequest, for who made it would wait for ever.
	LineLimitBytes int
	// QueueLimitBytes is how much may be queued for the client before the connection
	// stops reading lines, 4 MiB if 0. Answers to the lines before are still queued.
	QueueLimitBytes int
	// ReadsOn is true for a connection that reads on while its queue is full, for those
	// who send to it wait themselves (see [Conn.AwaitRoom]), and for a second after a
	// failed Write: another process that has died may have said something before.
	ReadsOn bool
	// UnreadLimitBytes is how much of notifications may be queued for a client that reads
	// nothing meanwhile, 0 for no limit. Beyond it the connection ends with ErrUnread:
	// others may cause notifications without end, and this client is not waited for.
	UnreadLimitBytes int
	// AwaitInput waits in Go's poller until a Read would return at once; nil for a reader that
	// waits there itself. It is called before a Read if others are to answer what was read: a
	// Read that blocks in the system keeps the processor from them for a tenth of a millisecond.
	AwaitInput func()
	// NamesVersion puts "jsonrpc":"2.0" into the errors that this connection answers with:
	// Codex leaves that member out, and other programs insist on it.
	NamesVersion bool
	// CallPrefix makes the ids of own requests strings that begin with it, for a
	// connection on which requests of others go out too. "" for integers from 0.
	CallPrefix string
}

// Conn is one connection. Any goroutine may call its methods, also from a handler. All
// but Call, Close and Serve return without waiting for the client. After the connection
// has ended, or was closed, what is sent is dropped without an error.
type Conn struct {
	log     *slog.Logger
	now     func() time.Time
	handler Handler
	in      lines
	out     *outbox
	fed     *outbox // of the connection that was handed lines of this burst; of the reading goroutine
	calls   calls
	limit   int    // of the queue, in bytes
	version string // the member jsonrpc, with a comma behind it; "" for none
	await   func() // AwaitInput, never nil
	readOn  func() // read: made once, for it is handed over with each line

	methods map[string]string // each name once: an allocation saved for each message
	drops   uint64            // lines that were dropped

	endOnce sync.Once
	ended   chan struct{}
	err     error // why the connection ended; valid after ended is closed
}

// New makes a connection that reads r and writes w. It reads nothing before Serve.
func New(r io.Reader, w io.Writer, o Options) *Conn {
	c := &Conn{
		log:     cmp.Or(o.Log, slog.New(slog.DiscardHandler)),
		now:     o.Now,
		calls:   calls{prefix: o.CallPrefix},
		limit:   cmp.Or(o.QueueLimitBytes, 4<<20),
		await:   o.AwaitInput,
		methods: map[string]string{},
		ended:   make(chan struct{}),
	}
	if c.now == nil {
		c.now = time.Now
	}
	if c.await == nil {
		c.await = func() {}
	}
	if o.NamesVersion {
		c.version = `"jsonrpc":"2.0",`
	}
	c.readOn = c.read
	c.in = newLines(r, cmp.Or(o.LineLimitBytes, 64<<20), c.drop)
	c.out = newOutbox(w, c.limit, c.end)
	c.out.unreadLimit = o.UnreadLimitBytes
	if o.ReadsOn {
		c.out.limit, c.out.deaf = math.MaxInt, true
		c.out.fail = func(err error) { time.AfterFunc(time.Second, func() { c.end(err) }) }
	}
	return c
}

// Serve hands the messages of the client to h until the input ends or Stop or Close is
// called (nil), or reading or writing fails (an error that wraps the cause; later answers
// are dropped). When it returns, requests may be unanswered and answers unwritten: answer
// them, then Close. A Read under way cannot be stopped, so that its goroutine may remain.
// After Close or a failed write h gets no further message. Call Serve once.
func (c *Conn) Serve(h Handler) error {
	c.handler = h
	go c.read()
	<-c.ended
	return c.err
}

// Stop makes Serve return, whatever the client does. Until Close, later lines may still
// be read, and every request can be answered.
func (c *Conn) Stop() { c.end(nil) }

// Close drops what is sent from now on, and waits until everything before is written or
// ctx ends. An error says that something may be unwritten: ctx's, or that of the Write.
func (c *Conn) Close(ctx context.Context) error {
	c.end(nil)
	return c.out.close(ctx)
}

// Flush waits until everything that was sent before is written, or ctx ends. The errors are
// those of Close.
func (c *Conn) Flush(ctx context.Context) error { return c.out.flushed(ctx) }

// Reply answers a request with a result, encoded as JSON. A result that cannot be encoded
// is a fault of the server, and answered with CodeInternal.
func (c *Conn) Reply(id ID, result any) {
	encoded, err := Encode(result)
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

// ReplyAppend answers a request with the JSON that result appends to the line: the form
// without an allocation. The connection is locked meanwhile: result must not call it.
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
	encoded, err := Encode(e)
	if err != nil {
		panic(err) // a number and a string
	}
	c.out.add(func(line []byte) []byte {
		line = append(append(append(line, '{'), c.version...), `"error":`...)
		line = append(line, encoded...)
		line = append(line, `,"id":`...)
		line = id.appendTo(line)
		return append(line, '}')
	})
}

// ErrUnread says that the client has read nothing for too long; see UnreadLimitBytes of [Options].
var ErrUnread = errors.New("the client does not read its notifications")

// Notify sends the client a notification. Params is encoded as JSON, and left out if nil;
// emittedAtMs is added, as in Codex 0.169.0.
func (c *Conn) Notify(method string, params any) {
	encoded, err := Encode(struct {
		Method      string `json:"method"`
		Params      any    `json:"params,omitempty"`
		EmittedAtMs int64  `json:"emittedAtMs"`
	}{method, params, c.now().UnixMilli()})
	if err != nil {
		c.log.Error("notification not encodable", "method", method, "type", fmt.Sprintf("%T", params))
		return
	}
	if c.out.isUnread(len(encoded)) {
		c.end(ErrUnread)
		return
	}
	c.out.add(func(line []byte) []byte { return append(line, encoded...) })
}

// Pass sends a line as it is, without its newline: a message that another program wrote.
func (c *Conn) Pass(line []byte) {
	c.out.add(func(batch []byte) []byte { return append(batch, line...) })
}

// HandOn is to.Pass for a handler of c, on its goroutine. What a burst of lines hands on is
// written at the end of the burst, by the goroutine that reads: a line waits for no other one.
func (c *Conn) HandOn(to *Conn, line []byte) {
	c.fed = to.out
	to.out.feed(line)
}

// AwaitRoom waits while QueueLimitBytes are queued, or until the connection is over. A
// handler of another connection calls it before Pass, so that what it reads fills no
// memory here. A handler of this connection must not.
func (c *Conn) AwaitRoom() { c.out.awaitRoom(c.limit) }

// HasRoom reports whether AwaitRoom would return at once.
func (c *Conn) HasRoom() bool { return c.out.hasRoom(c.limit) }

// read is the reading goroutine: it reads lines until the input or the connection ends,
// or until another goroutine has taken over the reading (outbox.relieve).
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
		c.handle(line)
		more := c.in.more()
		answered, still := c.flush(more)
		if !still {
			return
		}
		if !more && !answered {
			c.await()
		}
	}
}

// flush writes what the lines of a burst have caused, at its end. answered says that it was
// answers and no more, and still is false if another goroutine has taken over the reading.
func (c *Conn) flush(more bool) (answered, still bool) {
	fed := c.fed // before that may be another goroutine's
	if !more {
		c.fed = nil
	}
	answered, still = c.out.flush(more, c.readOn)
	switch {
	case fed == nil:
		return answered, still
	case still:
		return false, fed.flushFed(more, c.readOn)
	}
	fed.flushFed(false, nil) // this goroutine only writes on
	return false, false
}

func (c *Conn) handle(line []byte) {
	size := len(line)
	line = bytes.TrimRight(line, "\r\n")
	m, err := parse(line)
	if err == errBlank {
		return
	}
	if err != nil {
		c.drop(line[:min(len(line), headBytes)], size, err)
		return
	}
	switch m.kind {
	case request:
		c.handler.Request(Request{ID: m.id, Method: c.methodName(m.method), Params: m.params, Line: line})
	case notification:
		c.handler.Notification(Notification{Method: c.methodName(m.method), Params: m.params, Line: line})
	case answer:
		c.answered(m, line)
	}
}

func (c *Conn) answered(m message, line []byte) {
	if c.calls.deliver(m, line) {
		return
	}
	if h, ok := c.handler.(AnswerHandler); ok {
		h.Answer(Answer{ID: m.id, Result: m.result, Err: m.err, Line: line})
		return
	}
	c.log.Debug("answer to no call of ours", "bytes", len(line)+1)
}

// drop reports what is not handed to the handler, which begins with head. Only its length
// is logged, for it may be a secret.
func (c *Conn) drop(head []byte, size int, reason error) {
	c.drops++
	if c.drops <= 10 || bits.OnesCount64(c.drops) == 1 { // an endless stream of them fills no log
		c.log.Warn("line dropped", "bytes", size, "reason", reason, "number", c.drops)
	}
	isTooLong := reason == errTooLong || reason == errEndless
	if id, ok := requestID(head); ok && isTooLong {
		c.ReplyError(id, &Error{
			Code: CodeInvalidRequest, Message: fmt.Sprintf("the request is too long: %d bytes of it were read, and it may have %d", size, c.in.limit),
		})
	}
	if h, ok := c.handler.(DropHandler); ok {
		h.Dropped(Dropped{Head: head, Bytes: size, Reason: reason, IsTooLong: isTooLong})
	}
}

// maxMethods is how many names of methods are remembered: more than a protocol has.
const maxMethods = 1024

// methodName is the method as a string. It remembers names, for clients send the same few
// again and again.
func (c *Conn) methodName(method []byte) string {
	if name, ok := c.methods[string(method)]; ok {
		return name
	}
	name := string(method)
	if len(c.methods) < maxMethods && len(name) < 256 {
		c.methods[name] = name
	}
	return name
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
	encoded, err := Encode(message)
	if err != nil {
		return err
	}
	c.out.add(func(line []byte) []byte { return append(line, encoded...) })
	return nil
}

// Encode is the JSON of a value on one line, with <, > and & as they are. The error is that
// of encoding/json for a value that has none.
func Encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte{'\n'}), err
}

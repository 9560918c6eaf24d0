package jsonrpc

import (
	"context"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"
)

const (
	// batchBytes is the size at which a batch is written although the burst goes on: half of
	// what a pipe holds.
	batchBytes = 32 << 10
	// writeDelay is how long a line may wait for the reading goroutine, and the reading
	// goroutine for the client: once or twice that, for the timer is not set for each batch.
	writeDelay = time.Millisecond
)

// A batch is whole lines that are written in one Write. It is full with batchBytes.
type batch struct{ lines []byte }

// batches are reused: while a client is slow, a new buffer for each would make garbage.
// The garbage collector frees those that no burst needs. Each has room for a last line.
var batches = sync.Pool{New: func() any { return &batch{make([]byte, 0, batchBytes+8<<10)} }}

func (b *batch) free() {
	if cap(b.lines) <= keepBytes {
		b.lines = b.lines[:0]
		batches.Put(b)
	}
}

// An outbox writes lines in the order they were added, many in one Write, never two Writes
// at once. Adding never waits.
//
// Which goroutine writes? What a burst of lines causes is written by the goroutine that reads
// them, at the end of the burst: to wake another one would cost a single poll seven times as
// much (measured over pipes). That is the reading goroutine of this connection, or that of
// another one which hands its lines on. Otherwise a goroutine is started for it, which ends
// when the queue is empty.
//
// A reading goroutine must not get stuck by that. If the lines that it collects are not
// written within writeDelay of the first, relieve runs: if the reading goroutine is still
// in a handler, relieve writes; if it is stuck in a Write, relieve starts another goroutine
// for its reading, and the stuck one only writes on.
type outbox struct {
	w     io.Writer
	limit int         // bytes that may be queued before begin waits
	deaf  bool        // begin goes on after a failed Write
	fail  func(error) // called after a failed Write
	late  *time.Timer // runs relieve, while armed

	mu          sync.Mutex
	changed     sync.Cond // a Write is over, or closed is set
	queue       []*batch  // none is empty, and all but the last are full
	waiting     int       // bytes in the queue and in the Write
	writing     bool      // a goroutine is in drain, or about to be
	collecting  bool      // the reading goroutine of this connection will flush
	fed         bool      // that of another one will
	readOn      func()    // starts the reading of the reading goroutine that is in drain anew; nil if none is
	drains      uint64    // of reading goroutines: how often they have drained
	armed       bool      // relieve will run
	armedAt     uint64    // the value of drains that it will be late for
	closed      bool
	err         error // of the Write that failed; there is none after it
	unread      int   // bytes of notifications that were added during the Write
	unreadLimit int   // of that; 0 for none
}

func newOutbox(w io.Writer, limit int, fail func(error)) *outbox {
	o := &outbox{w: w, limit: limit, fail: fail}
	o.changed.L = &o.mu
	o.late = time.AfterFunc(time.Hour, o.relieve)
	o.late.Stop()
	return o
}

// isUnread counts a notification that is about to be added, and reports whether there are
// too many of them behind one Write. Nothing is written or kept then any more.
func (o *outbox) isUnread(size int) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.writing || o.unreadLimit == 0 || o.err != nil {
		return false
	}
	o.unread += size
	if o.unread <= o.unreadLimit {
		return false
	}
	o.err = ErrUnread
	o.queue = nil
	o.changed.Broadcast()
	return true
}

// add queues the line that appendLine appends to the buffer it gets.
func (o *outbox) add(appendLine func([]byte) []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.addLocked(appendLine)
}

// feed is add for the reading goroutine of another connection, which will flush.
func (o *outbox) feed(line []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.fed = true
	o.addLocked(func(batch []byte) []byte { return append(batch, line...) })
}

func (o *outbox) addLocked(appendLine func([]byte) []byte) {
	if o.closed || o.err != nil {
		return
	}
	first := len(o.queue) == 0
	b := o.lastBatch()
	before := len(b.lines)
	b.lines = append(appendLine(b.lines), '\n')
	o.waiting += len(b.lines) - before
	switch {
	case o.writing:
	case !o.collecting && !o.fed:
		o.writing = true
		go o.write()
	case first && !o.armed:
		o.arm()
	}
}

// lastBatch is the batch for the next line.
func (o *outbox) lastBatch() *batch {
	if n := len(o.queue); n > 0 && len(o.queue[n-1].lines) < batchBytes {
		return o.queue[n-1]
	}
	b := batches.Get().(*batch)
	o.queue = append(o.queue, b)
	return b
}

// arm makes relieve check the batch that is collected now. To arm and disarm the timer for
// each poll would cost a fifth of the poll.
func (o *outbox) arm() {
	o.armed, o.armedAt = true, o.drains
	o.late.Reset(writeDelay)
}

// begin is called by the reading goroutine before each line. It waits while the queue is
// full, and is false when the connection is over.
func (o *outbox) begin() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	for o.waiting >= o.limit && !o.over() {
		o.changed.Wait()
	}
	o.collecting = true
	return !o.closed && (o.err == nil || o.deaf)
}

// awaitRoom waits while limit bytes are queued, and the connection is not over.
func (o *outbox) awaitRoom(limit int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for o.waiting >= limit && !o.over() {
		o.changed.Wait()
	}
}

func (o *outbox) hasRoom(limit int) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.waiting < limit || o.over()
}

// flush is called by the reading goroutine after each line; more says that the next line
// is buffered. It writes the queue at the end of a burst. answered says that there was one,
// and still is false if another goroutine has taken over the reading, which readOn starts.
func (o *outbox) flush(more bool, readOn func()) (answered, still bool) {
	return o.flushFor(&o.collecting, more, readOn)
}

// flushFed is flush for the goroutine that has fed this outbox.
func (o *outbox) flushFed(more bool, readOn func()) (still bool) {
	_, still = o.flushFor(&o.fed, more, readOn)
	return still
}

func (o *outbox) flushFor(promise *bool, more bool, readOn func()) (written, still bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if more && o.waiting < min(batchBytes, o.limit) {
		return false, true
	}
	*promise = false
	if o.writing || len(o.queue) == 0 {
		return false, true
	}
	o.writing, o.readOn = true, readOn
	o.drain()
	o.drains++
	still = o.readOn != nil
	o.readOn = nil
	return true, still
}

// relieve does what a reading goroutine is late for.
func (o *outbox) relieve() {
	o.mu.Lock()
	o.armed = false
	if o.armedAt != o.drains { // that drain is over; the next one has its own time
		if o.readOn != nil || (o.collecting || o.fed) && len(o.queue) > 0 {
			o.arm()
		}
		o.mu.Unlock()
		return
	}
	if readOn := o.readOn; readOn != nil {
		o.readOn = nil
		o.mu.Unlock()
		readOn()
		return
	}
	defer o.mu.Unlock()
	if !o.writing {
		o.writing = true
		o.drain()
	}
}

func (o *outbox) write() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.drain()
}

// drain writes until nothing is queued. The caller holds mu, which is free
// during the Write, and has set writing.
func (o *outbox) drain() {
	for len(o.queue) > 0 && o.err == nil {
		b := o.queue[0]
		o.queue = slices.Delete(o.queue, 0, 1)
		o.mu.Unlock()
		n, err := o.w.Write(b.lines)
		o.mu.Lock()
		o.waiting -= len(b.lines)
		o.unread = 0
		if err == nil && n < len(b.lines) {
			err = io.ErrShortWrite
		}
		if err != nil && o.err == nil {
			o.err = fmt.Errorf("write output: %w", err)
			o.fail(o.err)
		}
		b.free()
		o.changed.Broadcast()
	}
	o.writing = false
	o.changed.Broadcast()
}

// flushed waits until the queue is written, a Write has failed or ctx ends.
func (o *outbox) flushed(ctx context.Context) error {
	defer o.wakeAtEnd(ctx)()
	o.mu.Lock()
	defer o.mu.Unlock()
	for o.waiting > 0 && o.err == nil && ctx.Err() == nil {
		o.changed.Wait()
	}
	switch {
	case o.err != nil:
		return o.err
	case o.waiting > 0:
		return ctx.Err()
	}
	return nil
}

// wakeAtEnd wakes those who wait for a change when ctx ends.
func (o *outbox) wakeAtEnd(ctx context.Context) (stop func() bool) {
	return context.AfterFunc(ctx, func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.changed.Broadcast()
	})
}

// close drops the lines that are added from now on, and waits until the queue is written.
func (o *outbox) close(ctx context.Context) error {
	defer o.wakeAtEnd(ctx)()
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
	if !o.writing && len(o.queue) > 0 {
		o.writing = true
		go o.write()
	}
	o.changed.Broadcast()
	for o.writing && ctx.Err() == nil {
		o.changed.Wait()
	}
	switch {
	case o.err != nil:
		return o.err
	case o.writing:
		return ctx.Err()
	}
	return nil
}

func (o *outbox) over() bool { return o.closed || o.err != nil }

package front

import (
	"bytes"
	"context"
	"sync"
	"time"

	"github.com/bezoar-auth/bezoar/protocol/jsonrpc"
)

// The bounds of what goes to the child. Codex answers -32001 when too many requests wait,
// so that only a window of them is open at once. One that has been open for longer than
// youth is long work and no load, and counts no more. What waits for the window is
// bounded, too: beyond it the client's lines are not read.
const (
	window     = 100
	youth      = time.Second
	queueLines = 20_000
	queueBytes = 16 << 20
)

// item is a line of the client on its way to the child.
type item struct {
	line   []byte
	id     jsonrpc.ID
	method string
	class  class

	isRequest bool // else it is a notification
}

func itemOf(r jsonrpc.Request, c class) item {
	return item{line: r.Line, id: r.ID, method: r.Method, class: c, isRequest: true}
}

// pending is a request that the child has not answered.
type pending struct {
	method   string
	thread   string // of a request whose answer may be about another thread
	since    time.Time
	isYoung  bool // it counts for the window
	answered bool
	next     *pending // another request with the same id, which the client should not have made
}

// queue holds the client's lines until the child may have them, and knows which requests
// the child has not answered. Lines go to the child in the order of the client.
type queue struct {
	front *Front

	mu      sync.Mutex
	changed sync.Cond
	isReady bool   // the child has its first login
	items   []item // wait
	bytes   int    // of items
	sending bool   // run has taken an item that is not sent yet
	closed  string // why nothing goes to the child any more; "" while it does

	opened map[jsonrpc.ID]*pending
	young  []*pending // in the order of since; answered ones and some that are young no more among them
	load   int        // how many are young and not answered
	aging  *time.Timer
}

func (q *queue) init(f *Front) {
	q.front, q.opened = f, map[jsonrpc.ID]*pending{}
	q.changed.L = &q.mu
	q.aging = time.AfterFunc(time.Hour, q.wake)
	q.aging.Stop()
}

func (q *queue) wake() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.changed.Broadcast()
}

// add sends a line, or queues a copy of it. It waits while the queue is full: the client's
// reading goroutine calls it.
func (q *queue) add(i item) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for (len(q.items) >= queueLines || q.bytes >= queueBytes) && q.closed == "" {
		q.changed.Wait()
	}
	switch {
	case q.closed != "":
		q.refuse(i)
	case q.goesAtOnce(i):
		q.send(i, q.handOn)
	default:
		i.line = bytes.Clone(i.line)
		q.items, q.bytes = append(q.items, i), q.bytes+len(i.line)
		q.changed.Broadcast()
	}
}

// lengths are how many lines wait, and how many requests are open.
func (q *queue) lengths() (waiting, open uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return uint64(len(q.items)), uint64(len(q.opened))
}

// goesAtOnce saves most lines the way through the other goroutine.
func (q *queue) goesAtOnce(i item) bool {
	isNext := q.isReady && !q.sending && len(q.items) == 0
	return isNext && i.class == passes && q.hasRoom() && q.front.o.Child.HasRoom() && q.front.pusher.isCurrent()
}

// passNow sends a line at once, whatever waits: the child will refuse it, or it is about
// no login. It waits while the child does not read.
func (q *queue) passNow(i item) {
	q.front.o.Child.AwaitRoom()
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed != "" {
		q.refuse(i)
		return
	}
	q.send(i, q.handOn)
}

// handOn is for the client's reading goroutine.
func (q *queue) handOn(line []byte) { q.front.o.Client.HandOn(q.front.o.Child, line) }

// run sends what waits, one after the other, while the child reads.
func (q *queue) run() {
	for {
		i, ok := q.take()
		if !ok {
			return
		}
		q.front.o.Child.AwaitRoom()
		for !q.settle(i, q.front.clear(&i)) { // the child was given another login since
		}
	}
}

// settle sends a line that was taken, or answers it, as clear has found. It reports whether
// it has: it has not if the child was given a login since.
func (q *queue) settle(i item, c clearance) bool {
	if c.refusal != "" {
		q.front.refuse(i.id, i.method, c.refusal)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	for c.isOver && q.closed == "" {
		q.changed.Wait() // soon: what has ended closes the queue
	}
	switch {
	case c.refusal != "": // answered
	case q.closed != "":
		q.refuse(i)
	case !q.front.pusher.unlessPushed(c.pushes, func() { q.send(i, q.front.o.Child.Pass) }):
		return false
	}
	q.sending = false
	q.changed.Broadcast()
	return true
}

// take waits for the next item that the child has room for. false: there will be none.
func (q *queue) take() (item, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.closed == "" && (!q.isReady || len(q.items) == 0 || !q.hasRoom()) {
		q.changed.Wait()
	}
	if q.closed != "" {
		return item{}, false
	}
	i := q.items[0]
	q.items[0] = item{}
	q.items, q.bytes, q.sending = q.items[1:], q.bytes-len(i.line), true
	q.changed.Broadcast()
	return i, true
}

// hasRoom reports whether the window has room for one more request. If it has none, it
// wakes run when the oldest of them gets too old to count.
func (q *queue) hasRoom() bool {
	now := q.front.o.Now()
	for len(q.young) > 0 {
		oldest := q.young[0]
		if !oldest.answered && now.Sub(oldest.since) < youth {
			break
		}
		if !oldest.answered {
			oldest.isYoung = false
			q.load--
		}
		q.young[0] = nil
		q.young = q.young[1:]
	}
	if q.load < window {
		return true
	}
	q.aging.Reset(q.young[0].since.Add(youth).Sub(now))
	return false
}

// send gives the child a line. The caller holds mu, so that lines keep their order.
func (q *queue) send(i item, pass func(line []byte)) {
	if i.isRequest {
		o := &pending{method: i.method, since: q.front.o.Now(), isYoung: true, next: q.opened[i.id]}
		if isLearned(i.method) {
			o.thread = threadOf(i.line)
		}
		q.opened[i.id] = o
		q.young = append(q.young, o)
		q.load++
	}
	q.front.counts.toChild.Add(1)
	pass(i.line)
}

// answer takes a request off that the child has answered, the oldest of its id. nil: the
// child has no such request.
func (q *queue) answer(id jsonrpc.ID) *pending {
	q.mu.Lock()
	defer q.mu.Unlock()
	o := q.opened[id]
	if o == nil {
		return nil
	}
	if o.next == nil {
		delete(q.opened, id)
	} else {
		o = q.lastOf(o)
	}
	o.answered = true
	if o.isYoung {
		q.load--
		q.changed.Broadcast()
	}
	return o
}

// lastOf takes the oldest request off a list of several.
func (q *queue) lastOf(first *pending) *pending {
	before := first
	for before.next.next != nil {
		before = before.next
	}
	oldest := before.next
	before.next = nil
	return oldest
}

// ready lets the queue begin.
func (q *queue) ready() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.isReady = true
	q.changed.Broadcast()
}

func (q *queue) takesRequests() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.isReady && q.closed == ""
}

// drain waits until nothing waits for the child, or ctx ends.
func (q *queue) drain(ctx context.Context) {
	defer context.AfterFunc(ctx, q.wake)()
	q.mu.Lock()
	defer q.mu.Unlock()
	for (len(q.items) > 0 || q.sending) && q.closed == "" && ctx.Err() == nil {
		q.changed.Wait()
	}
}

// close answers all that is open or waits, and from now on each request, with an error.
func (q *queue) close(why string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed != "" {
		return
	}
	q.closed = why
	q.aging.Stop()
	for id, o := range q.opened {
		for ; o != nil; o = o.next {
			q.refuse(item{id: id, method: o.method, isRequest: true})
		}
	}
	for _, i := range q.items {
		q.refuse(i)
	}
	q.opened, q.items, q.young, q.bytes = nil, nil, nil, 0
	q.changed.Broadcast()
}

func (q *queue) refuse(i item) {
	if i.isRequest {
		q.front.o.Client.ReplyError(i.id, &jsonrpc.Error{Code: jsonrpc.CodeInternal, Message: q.closed})
	}
}

package mcp

import (
	"context"
	"sync"
)

// turns keep the messages of the client in their order on the way to the server, although
// each has a goroutine: a message begins when the one before it was sent. They also bound
// how much is under way.
type turns struct {
	last chan struct{} // closed when the message that came last was sent; nil for none

	mu    sync.Mutex
	free  sync.Cond
	bytes int // of messages that are not sent yet
	over  bool
}

// waitingBytes is how much may wait to be sent before the next line is not read: while a
// server hangs, a client cannot fill the memory.
const waitingBytes = 64 << 20

func newTurns() *turns {
	t := new(turns)
	t.free.L = &t.mu
	return t
}

// take takes the next turn, for a message of this size. The reading goroutine calls it. It
// waits while too much is under way, until end is called. sent has to be called once, or
// more often.
func (t *turns) take(size int) (before <-chan struct{}, sent func()) {
	t.mu.Lock()
	for t.bytes > 0 && t.bytes+size > waitingBytes && !t.over {
		t.free.Wait()
	}
	t.bytes += size
	t.mu.Unlock()
	before, mine := t.last, make(chan struct{})
	t.last = mine
	return before, sync.OnceFunc(func() {
		close(mine)
		t.mu.Lock()
		defer t.mu.Unlock()
		t.bytes -= size
		t.free.Broadcast()
	})
}

// end lets all further messages pass.
func (t *turns) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.over = true
	t.free.Broadcast()
}

// await waits until something has come: a turn, or a time. nil is at once. Its error is that
// of ctx.
func await[T any](ctx context.Context, event <-chan T) error {
	if event == nil {
		return nil
	}
	select {
	case <-event:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

package front

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// holdLimit is how long what the client is sent about a login waits for the child.
const holdLimit = 5 * time.Second

// holder keeps what the client is sent about a login until the child has that login, so that
// a turn which the client begins then has it too. It keeps the order. It waits on a
// goroutine of its own; account answers do not.
type holder struct {
	front *Front
	isMum atomic.Bool // the child let a wait run out, and has written nothing since

	mu      sync.Mutex
	held    []held
	running bool
}

type held struct {
	isNew bool
	send  func()
}

// hold sends something now, or when the child has the login. See [appserver.Server.Hold].
func (h *holder) hold(isNew bool, send func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.running && !(isNew && h.mayWait()) {
		send()
		return
	}
	h.held = append(h.held, held{isNew, send})
	if !h.running {
		h.running = true
		go h.run()
	}
}

// mayWait reports whether there is something to wait for. Before the child takes requests
// there is not: its first login comes before the first of them.
func (h *holder) mayWait() bool {
	return h.front.queue.takesRequests() && !h.isMum.Load() && !h.front.pusher.isCurrent()
}

func (h *holder) run() {
	for {
		h.mu.Lock()
		if len(h.held) == 0 {
			h.running = false
			h.mu.Unlock()
			return
		}
		next := h.held[0]
		h.held = h.held[1:]
		h.mu.Unlock()
		if next.isNew && h.mayWait() {
			h.wait()
		}
		next.send()
	}
}

func (h *holder) wait() {
	ctx, cancel := context.WithTimeout(h.front.ending, holdLimit)
	defer cancel()
	_ = h.front.pusher.sync(ctx)
	if ctx.Err() == context.DeadlineExceeded {
		h.isMum.Store(true)
	}
}

// heard notes that the child lives.
func (h *holder) heard() {
	if h.isMum.Load() {
		h.isMum.Store(false)
	}
}

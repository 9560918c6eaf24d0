package appserver

import (
	"context"
	"errors"
	"sync"
	"time"
)

// inflight has the requests that wait for something, while the connection goes on with
// the requests behind them. A request may begin while the server waits for the end of
// all, which a WaitGroup does not allow: the server reads on while it drains.
type inflight struct {
	mu      sync.Mutex
	count   int
	idle    chan struct{} // closed when count is 0; nil before the first
	aborted bool
	cancels map[*context.CancelCauseFunc]bool // of the contexts of withLimit
}

// Go runs answer on a goroutine of its own.
func (a *inflight) Go(answer func()) {
	answered := a.begin()
	go func() {
		defer answered()
		answer()
	}()
}

// begin takes up a request, until the function is called.
func (a *inflight) begin() (answered func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.count == 0 {
		a.idle = make(chan struct{})
	}
	a.count++
	return a.end
}

func (a *inflight) end() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.count--
	if a.count == 0 {
		close(a.idle)
	}
}

// Idle is closed when all requests are answered that had begun when it was called.
func (a *inflight) Idle() <-chan struct{} {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.idle == nil {
		a.idle = make(chan struct{})
		close(a.idle)
	}
	return a.idle
}

// errEnding is the error of a request that was aborted.
var errEnding = errors.New("the server is ending")

// withLimit is the context of a request that asks another server: it ends after limit,
// or with errEnding when the requests are aborted. The function frees it.
func (a *inflight) withLimit(limit time.Duration) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(context.Background())
	timed, stop := context.WithTimeout(ctx, limit)
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.aborted {
		cancel(errEnding)
	}
	if a.cancels == nil {
		a.cancels = map[*context.CancelCauseFunc]bool{}
	}
	a.cancels[&cancel] = true
	return timed, func() {
		stop()
		cancel(nil)
		a.mu.Lock()
		defer a.mu.Unlock()
		delete(a.cancels, &cancel)
	}
}

// abort ends the contexts of those that ask another server, now and from now on: they
// answer with an error.
func (a *inflight) abort() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.aborted = true
	for cancel := range a.cancels {
		(*cancel)(errEnding)
	}
}

package appserver

import "sync"

// asides are answers that wait for somebody, while the requests behind theirs go
// on. One may begin while somebody waits for the end of all, which a WaitGroup
// does not allow: whoever is told to go goes on reading for a moment.
type asides struct {
	mu    sync.Mutex
	count int
	idle  chan struct{} // closed when count is 0; nil before the first
}

// begin runs answer on a goroutine of its own.
func (a *asides) begin(answer func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.count == 0 {
		a.idle = make(chan struct{})
	}
	a.count++
	go func() {
		defer a.end()
		answer()
	}()
}

func (a *asides) end() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.count--
	if a.count == 0 {
		close(a.idle)
	}
}

// over is closed when all those have answered that had begun by now.
func (a *asides) over() <-chan struct{} {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.idle == nil {
		a.idle = make(chan struct{})
		close(a.idle)
	}
	return a.idle
}

package fronts

import (
	"io"
	"sync"
)

// line is one that waits to be written. seq is above 0 if the other end must hear it.
type line struct {
	text string
	seq  int
}

// writer writes lines in their order, on a goroutine of its own: neither end waits for the
// other.
type writer struct {
	to      io.Writer
	written func(seq int) // nil for none

	mu      sync.Mutex
	changed sync.Cond
	lines   []line // the first is being written
	isOver  bool
}

func newWriter(to io.Writer, written func(seq int)) *writer {
	w := &writer{to: to, written: written}
	w.changed.L = &w.mu
	return w
}

func (w *writer) add(l line) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lines = append(w.lines, l)
	w.changed.Broadcast()
}

// finish waits until all is written, or stop is called.
func (w *writer) finish() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(w.lines) > 0 && !w.isOver {
		w.changed.Wait()
	}
}

// stop has nothing more written.
func (w *writer) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.isOver = true
	w.changed.Broadcast()
}

// next waits for a line. false: there will be none.
func (w *writer) next() (line, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(w.lines) == 0 && !w.isOver {
		w.changed.Wait()
	}
	if w.isOver {
		return line{}, false
	}
	return w.lines[0], true
}

// run is the goroutine.
func (w *writer) run() {
	for {
		next, ok := w.next()
		if !ok {
			return
		}
		_, err := io.WriteString(w.to, next.text+"\n")
		if err == nil && next.seq > 0 && w.written != nil {
			w.written(next.seq)
		}
		w.mu.Lock()
		w.lines = w.lines[1:]
		w.changed.Broadcast()
		w.mu.Unlock()
		if err != nil {
			w.stop()
		}
	}
}

package cli

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// Bounds of the log's queue.
const (
	logQueueBytes = 256 << 10
	logDrainLimit = 500 * time.Millisecond
)

// logQueue is a log that never blocks its writers: lines wait for one goroutine,
// which writes them to standard error. When too many wait, because nothing reads
// standard error, lines are dropped and counted, and the count is written when there
// is room again.
type logQueue struct {
	out io.Writer

	mu      sync.Mutex // guards what follows
	waiting [][]byte   // lines, the oldest first
	bytes   int        // in waiting
	dropped int        // lines since the last one that was queued
	writing bool       // the goroutine runs
	idle    chan struct{}
}

// NewLogQueue is a queue that writes to out.
func NewLogQueue(out io.Writer) *logQueue { return &logQueue{out: out} }

// Write queues a line, or drops it. It never fails and never waits.
func (q *logQueue) Write(line []byte) (int, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.bytes+len(line) > logQueueBytes {
		q.dropped++
		return len(line), nil
	}
	if q.dropped > 0 {
		q.add(fmt.Appendf(nil, "level=WARN msg=\"log lines were dropped: standard error is not read\" dropped=%d\n", q.dropped))
		q.dropped = 0
	}
	q.add(append([]byte(nil), line...))
	if !q.writing {
		q.writing, q.idle = true, make(chan struct{})
		go q.run()
	}
	return len(line), nil
}

func (q *logQueue) add(line []byte) {
	q.waiting = append(q.waiting, line)
	q.bytes += len(line)
}

// run writes what waits. What cannot be written is dropped: there is no place to
// say so.
func (q *logQueue) run() {
	for {
		lines, idle := q.take()
		if lines == nil {
			close(idle)
			return
		}
		for _, line := range lines {
			_, _ = q.out.Write(line)
			q.written(len(line))
		}
	}
}

func (q *logQueue) take() (lines [][]byte, idle chan struct{}) {
	q.mu.Lock()
	defer q.mu.Unlock()
	lines, q.waiting = q.waiting, nil
	q.writing = len(lines) > 0
	return lines, q.idle
}

func (q *logQueue) written(bytes int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.bytes -= bytes
}

// drain waits until everything is written, but not longer than limit. A nil queue is
// of a command that logs nothing.
func (q *logQueue) drain(limit time.Duration) {
	if q == nil {
		return
	}
	q.mu.Lock()
	writing, idle := q.writing, q.idle
	q.mu.Unlock()
	if !writing {
		return
	}
	select {
	case <-idle:
	case <-time.After(limit):
	}
}

package server

import (
	"context"
	"time"
)

// leave is what a signal leaves of the time for the end of an app-server, where the system
// kills a program soon after it. Each step of the end has limits of its own besides.
type leave struct {
	child   context.Context // ends when the children must be gone
	answers context.Context // ends when the answers must be on their way
}

// leaveBy begins to count at the first signal, if there is something to count.
func leaveBy(signals context.Context, killedAfter time.Duration) (leave, context.CancelFunc) {
	if killedAfter == 0 {
		return leave{context.Background(), context.Background()}, func() {}
	}
	child, stopChild := endsAfter(signals, killedAfter*2/5)
	answers, stopAnswers := endsAfter(signals, killedAfter*4/5) // flushLimit and the files of the home need the rest
	return leave{child, answers}, func() { stopChild(); stopAnswers() }
}

// endsAfter is a context that ends a while after another one.
func endsAfter(ctx context.Context, while time.Duration) (context.Context, context.CancelFunc) {
	late, cancel := context.WithCancel(context.Background())
	stop := context.AfterFunc(ctx, func() {
		select {
		case <-time.After(while):
			cancel()
		case <-late.Done():
		}
	})
	return late, func() { stop(); cancel() }
}

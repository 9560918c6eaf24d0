package server

import (
	"context"
	"os"
	"os/signal"
	"time"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/cli"
)

// heed hears the signals that end an app-server: signals ends at the first one.
func heed() (signals context.Context, l leave, stop context.CancelFunc) {
	signals, deaf := signal.NotifyContext(context.Background(), cli.ShutdownSignals()...)
	heard := make(chan os.Signal, 1)
	signal.Notify(heard, cli.ShutdownSignals()...)
	l, stopLeave := leaveBy(heard, killedAfter)
	return signals, l, func() { deaf(); signal.Stop(heard); stopLeave() }
}

// leave is what a signal leaves of the time for the end of an app-server, where the system
// kills a program soon after it. Each step of the end has limits of its own besides.
type leave struct {
	child   context.Context // ends when the children must be gone
	answers context.Context // ends when the answers must be on their way
}

// leaveBy begins to count at the first signal after which the system kills this program, be
// it the first signal or not. The caller has to call stop.
func leaveBy(heard <-chan os.Signal, killedAfter func(os.Signal) time.Duration) (l leave, stop context.CancelFunc) {
	child, childIsLate := context.WithCancel(context.Background())
	answers, answersAreLate := context.WithCancel(context.Background())
	stopped := make(chan struct{})
	go func() {
		for {
			select {
			case signal := <-heard:
				if after := killedAfter(signal); after > 0 {
					time.AfterFunc(after*2/5, childIsLate)
					time.AfterFunc(after*4/5, answersAreLate) // flushLimit and the files of the home need the rest
					return
				}
			case <-stopped:
				return
			}
		}
	}()
	return leave{child, answers}, func() { close(stopped); childIsLate(); answersAreLate() }
}

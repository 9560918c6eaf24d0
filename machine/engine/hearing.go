package engine

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/persist"
)

// HearingLimit is how much longer than its deadline an answer is listened for. It
// is longer than any gateway in front of an issuer holds a request (one to four
// minutes are usual, and then it answers something), and short enough for a person
// whose token has expired meanwhile: as long as the answer may come, neither this
// process nor another one posts the token again.
const HearingLimit = persist.HearingLimit

// lastCall is for an answer that lies in the socket when the hearing ends. A process
// that was stopped for longer than the limit finds its timers and its answer at the
// same time: this one is set when the process runs, so that the answer comes first.
const lastCall = time.Second

// ErrUnheard is why the hearing of an answer ends: it counts as lost.
var ErrUnheard = errors.New("the answer of the issuer did not come")

// listen implements [Listen] for one post. What was told to end listens no longer
// than the deadline.
func (g goroutines) listen(posting context.Context, overdue func() machine.AnswerOverdue) (context.Context, func()) {
	hearing, end := context.WithCancelCause(g.lifetime)
	giveUp := sync.OnceFunc(func() { time.AfterFunc(lastCall, func() { end(ErrUnheard) }) })
	limit := time.AfterFunc(g.engine.owner.Deadline+HearingLimit, giveUp)
	go func() {
		if !strikes(hearing, g.engine.owner.Deadline) {
			return
		}
		g.report(func(o *Owner) { o.Overdue(overdue()) })
		context.AfterFunc(posting, giveUp)
	}()
	return hearing, func() {
		limit.Stop()
		end(nil)
	}
}

// strikes waits for a deadline, unless ctx ends first. Timers stand still while a
// machine sleeps, and the wall clock may be set: the first of the two counts.
func strikes(ctx context.Context, deadline time.Duration) bool {
	begun := time.Now()
	for {
		now := time.Now()
		passed := max(now.Sub(begun), now.Round(0).Sub(begun.Round(0)))
		if passed >= deadline {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-time.After(min(deadline-passed, time.Second)):
		}
	}
}

package engine

import (
	"context"
	"sync"
	"time"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/endpoint"
	"github.com/bezoar-auth/bezoar/machine/engine/internal/owner"
)

// goroutines run what the owner must not wait for; they end with the engine.
type goroutines struct {
	engine   *Engine
	lifetime context.Context // ends when the owner has left
	posting  context.Context // ends before that, when nothing may be posted any more
}

func (g goroutines) Refresh(run func(context.Context, owner.Listen) machine.Event) {
	ctx, over := context.WithCancel(g.lifetime)
	go g.release(ctx)
	go func() {
		defer over()
		outcome := run(g.posting, func(overdue func() machine.AnswerOverdue) (context.Context, func()) {
			return g.listen(g.posting, overdue)
		})
		g.report(func(o *owner.Owner) { o.Conclude(outcome) })
	}()
}

// release lets no caller wait for longer than a deadline while a refresh runs, which
// may be longer: it waits for the lock of another one first.
func (g goroutines) release(running context.Context) {
	for {
		select {
		case <-running.Done():
			return
		case <-time.After(time.Second):
			g.report((*owner.Owner).ReleasePatient)
		}
	}
}

func (g goroutines) Revoke(run func(context.Context) (ended func())) {
	go func() {
		ended := run(g.lifetime)
		g.report(func(*owner.Owner) { ended() })
	}()
}

// report tells the owner, unless it has left.
func (g goroutines) report(conclude func(*owner.Owner)) {
	select {
	case g.engine.ended <- conclude:
	case <-g.engine.done:
	}
}

// lastCall is for an answer that lies in the socket when the hearing ends. A process
// that was stopped for longer than the limit finds its timers and its answer at the
// same time: this one is set when the process runs, so that the answer comes first.
const lastCall = time.Second

// listen implements [owner.Listen] for one post. After [Engine.Close] was called, it
// listens until the deadline.
func (g goroutines) listen(posting context.Context, overdue func() machine.AnswerOverdue) (context.Context, func()) {
	hearing, end := context.WithCancelCause(g.lifetime)
	giveUp := sync.OnceFunc(func() { time.AfterFunc(lastCall, func() { end(owner.ErrUnheard) }) })
	limit := time.AfterFunc(g.engine.owner.Deadline+endpoint.HearingLimit, giveUp)
	go func() {
		if !strikes(hearing, g.engine.owner.Deadline) {
			return
		}
		g.report(func(o *owner.Owner) { o.Overdue(overdue()) })
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

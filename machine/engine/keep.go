package engine

import (
	"context"
	"time"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/engine/internal/owner"
)

// Keep keeps the login fresh although no caller asks, until ctx ends or the engine is
// closed; then it returns. It begins a refresh as soon as the token set is due, or the
// wait after a failed attempt is over, by the rules that an ask follows: it posts
// nothing for a login that is dead, that cannot be refreshed or that the client
// refreshes, and for none. It tries again to store what could not be stored. It also
// looks at the store every second, less often if that is slow, so that subscribers
// learn of a login and a logout made elsewhere; what it takes up is for the machine to
// say, as in [Engine.Look].
//
// Call it once, on a goroutine of its own. Several processes may keep one home: one of
// them posts, and the others take up what it has stored.
func (e *Engine) Keep(ctx context.Context) {
	changed := make(chan struct{}, 1)
	stop := e.Subscribe(func(_, _ machine.Snapshot) {
		select {
		case changed <- struct{}{}:
		default:
		}
	})
	defer stop()
	k := keeper{Engine: e, spread: e.owner.Random()}
	for {
		k.tick(ctx)
		wake := time.NewTimer(k.wait(k.now()))
		select {
		case <-ctx.Done():
		case <-e.done:
		case <-changed:
		case <-wake.C:
		}
		wake.Stop()
		if ctx.Err() != nil || e.isClosed() {
			return
		}
	}
}

// keeper is what a Keep remembers from one tick to the next.
type keeper struct {
	*Engine
	spread  float64       // in [0, 1): how late this process is, so that those of one home do not all wake at once
	tries   int           // refreshes that it has begun, since the login was last Fresh
	tried   time.Time     // when it began the last of them
	looked  time.Time     // when it looked last
	lookAge time.Duration // when to look again
}

// now is the time of the wall clock: it goes on while a machine sleeps.
func (k *keeper) now() time.Time { return k.owner.Now().Round(0) }

// tick looks at the store if it is time to, and begins the refresh that is due.
func (k *keeper) tick(ctx context.Context) {
	now := k.now()
	if age := now.Sub(k.looked); k.looked.IsZero() || age >= k.lookAge || age < 0 {
		before := k.Snapshot()
		_, _ = k.Look(ctx)
		k.looked, k.lookAge = now, lookLeast
		if k.Snapshot() == before { // else it also read the ledger, and wrote to it
			k.lookAge = lookAge(k.now().Sub(now))
		}
	}
	if k.Snapshot().Phase() == machine.Fresh {
		k.tries = 0
	}
	if due := k.due(now); !due.IsZero() && !now.Before(due) && k.tell(ctx, (*owner.Owner).Keep) == nil {
		k.tries, k.tried = k.tries+1, now
	}
}

// How often the keeper looks at the store. A store that is slow to look at, such as a
// keyring or a disk that hangs, is looked at for a hundredth of the time.
const (
	lookLeast = time.Second
	lookMost  = time.Minute
)

func lookAge(took time.Duration) time.Duration { return min(max(100*took, lookLeast), lookMost) }

// wait is how long nothing is to be done. It is never longer than the time to the next
// look: timers stand still while a machine sleeps, and a clock may be set.
func (k *keeper) wait(now time.Time) time.Duration {
	wait := min(max(k.looked.Add(k.lookAge).Sub(now), 0), k.lookAge, lookLeast)
	if due := k.due(now); !due.IsZero() {
		wait = min(wait, max(due.Sub(now), 0))
	}
	return max(wait, time.Millisecond)
}

// The most that the spread makes of a wait, and the bounds of the keeper's own wait
// between two tries: a full disk sets none, and need not be tried at each moment.
const (
	spreadMost = 5 * time.Second
	paceBase   = time.Second
	paceMost   = time.Minute
)

// due is when the keeper refreshes, zero for never: when an ask would, and a little
// later.
func (k *keeper) due(now time.Time) time.Time {
	held := k.Snapshot()
	due := held.ActsAt(now)
	if due.IsZero() {
		return due
	}
	if room := held.Expiry().Sub(due); due.Equal(held.DueAt()) && room > 0 {
		due = due.Add(time.Duration(k.spread * float64(min(room/4, spreadMost))))
	}
	if k.tries == 0 {
		return due
	}
	pace := min(paceBase<<min(k.tries-1, 10), paceMost)
	paced := k.tried.Add(pace + time.Duration(k.spread*float64(pace/4)))
	if now.Before(k.tried) || paced.Before(due) { // the clock was set back, or the machine waits longer
		return due
	}
	return paced
}

package bubble

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/engine"
	"github.com/bezoar-auth/bezoar/machine/engine/enginetest"
	"github.com/bezoar-auth/bezoar/properties/propertytest"
	"github.com/bezoar-auth/bezoar/store/memory"
)

// TestEngineKeepsItsPromises runs the real engine with its goroutines, many
// clients, a moody issuer and a flaky store in a bubble with virtual time. It
// looks for what the simulation cannot see: races, waits that do not end,
// answers given twice, and goroutines that stay. The bubble fails if one does.
func TestEngineKeepsItsPromises(t *testing.T) {
	propertytest.Checks(t, 1000)
	rapid.Check(t, func(t *rapid.T) {
		plan := anyPlan().Draw(t, "plan")
		rapid.SyncTest(t, func(t *rapid.T) { plan.run(t) })
	})
}

// plan is all that is decided before a run begins.
type plan struct {
	first   time.Duration // life of the access token that is stored at first
	clients [][]request
	script  []propertytest.Mood
	failing []int         // calls to the store
	closing time.Duration // when the program ends; 0 for after everything else
}

// request is what a client does, after a pause.
type request struct {
	pause time.Duration
	kind  string
	ask   machine.Ask
}

func (p plan) GoString() string {
	return fmt.Sprintf("first lives %v, clients %v, issuer %#v, store fails %v, ends %v", p.first, p.clients, p.script, p.failing, p.closing)
}

// The kinds of requests.
const (
	justAsks   = "asks"
	givesUp    = "asks and gives up"
	rejects    = "reports a rejected token"
	signsIn    = "logs in"
	signsOut   = "logs out"
	lookAgain  = "has it look again"
	signsInFar = "logs in with another program"
)

func anyPlan() *rapid.Generator[plan] {
	short := rapid.SampledFrom([]time.Duration{0, time.Millisecond, time.Second, 7 * time.Second, time.Minute, 40 * time.Minute})
	kinds := rapid.SampledFrom([]string{justAsks, justAsks, justAsks, givesUp, rejects, signsIn, signsOut, lookAgain, signsInFar})
	one := rapid.Custom(func(t *rapid.T) request {
		return request{short.Draw(t, "pause"), kinds.Draw(t, "kind"), propertytest.Asks.Draw(t, "ask")}
	})
	moods := rapid.Custom(func(t *rapid.T) propertytest.Mood {
		takes := rapid.SampledFrom([]time.Duration{0, time.Millisecond, 3 * time.Second, time.Hour})
		return propertytest.Mood{How: rapid.SampledFrom(propertytest.Ways).Draw(t, "how"), Takes: takes.Draw(t, "takes")}
	})
	return rapid.Custom(func(t *rapid.T) plan {
		return plan{
			first:   propertytest.Lifetimes.Draw(t, "first"),
			clients: rapid.SliceOfN(rapid.SliceOfN(one, 1, 8), 1, 8).Draw(t, "clients"),
			script:  rapid.SliceOfN(moods, 1, 6).Draw(t, "script"),
			failing: rapid.SliceOfN(rapid.IntRange(1, 60), 0, 6).Draw(t, "failing"),
			closing: rapid.SampledFrom([]time.Duration{0, time.Second, 30 * time.Second}).Draw(t, "closing"),
		}
	})
}

// run is one life of an engine under the plan.
type run struct {
	*engine.Engine
	t      *rapid.T
	issuer *moodyIssuer
	store  *memory.Store
	asked  []*tally

	mu sync.Mutex // guards asked
}

// tally counts the answers to one ask.
type tally struct {
	mu      sync.Mutex // guards answers
	answers int
	state   machine.Snapshot
}

func (p plan) run(t *rapid.T) {
	r := &run{t: t, issuer: newMoodyIssuer(p.script), store: memory.NewStore()}
	require.NoError(t, r.store.Replace(t.Context(), r.issuer.newLogin("alice", p.first)))
	r.Engine = enginetest.Start(engine.Options{
		Policy: propertytest.Policy, Store: &flakyStore{Store: r.store, failing: p.failing},
		Ledger: memory.NewLedger(propertytest.Policy.Issuer).Process(1), AuthorizationServer: r.issuer,
		Random: func() float64 { return halfJitter },
	})
	var clients sync.WaitGroup
	for _, requests := range p.clients {
		clients.Go(func() { r.play(requests) })
	}
	if p.closing > 0 {
		time.Sleep(p.closing)
	} else {
		clients.Wait()
		time.Sleep(longestWait)
		r.checkAnswers() // without the help of a close
	}
	r.close()
	clients.Wait()
	r.checkAnswers()
	require.Empty(t, r.issuer.broken)
}

// longestWait is the longest that a caller may have to wait: for the refresh of
// an earlier login, and then for the one of the login in use.
const longestWait = 2*engine.DefaultDeadline + 10*time.Second

func (r *run) play(requests []request) {
	for _, each := range requests {
		time.Sleep(each.pause)
		r.do(each)
	}
}

func (r *run) do(each request) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	switch each.kind {
	case justAsks:
		r.ask(each.ask)
	case givesUp:
		r.askFor(ctx, each.ask)
	case rejects:
		_, err := r.Rejected(ctx, r.Snapshot().Access())
		r.isNoError(err)
	case signsIn:
		r.isNoError(r.Login(ctx, r.issuer.newLogin("bob", propertytest.TokenLife)))
	case signsOut:
		_, err := r.Logout(ctx)
		r.isNoError(err)
	case lookAgain:
		r.isNoError(r.Reload(ctx))
	case signsInFar:
		r.isNoError(r.store.Replace(ctx, r.issuer.newLogin("alice", propertytest.TokenLife)))
	}
}

func (r *run) ask(ask machine.Ask) {
	count := &tally{}
	r.mu.Lock()
	r.asked = append(r.asked, count)
	r.mu.Unlock()
	r.Ask(ask, func(state machine.Snapshot) {
		count.mu.Lock()
		defer count.mu.Unlock()
		count.answers++
		count.state = state
	})
}

// askFor asks and waits no longer than ctx.
func (r *run) askFor(ctx context.Context, ask machine.Ask) {
	begun := time.Now()
	state, err := r.Status(ctx, ask)
	if (state == machine.Snapshot{}) == (err == nil) || time.Since(begun) > time.Second {
		r.t.Errorf("an ask that gives up after a second gets %v after %v", err, time.Since(begun))
	}
	r.isNoError(err)
}

// isNoError lets pass what a request may meet: the disk, its own impatience, and
// the end of the program.
func (r *run) isNoError(err error) {
	if err != nil && !errors.Is(err, propertytest.ErrDisk) && !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, engine.ErrClosed) {
		r.t.Errorf("a request meets %v", err)
	}
}

func (r *run) close() {
	const patience = 4 * time.Second
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	begun := time.Now()
	r.Close(ctx)
	require.LessOrEqual(r.t, time.Since(begun), patience)
}

func (r *run) checkAnswers() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, count := range r.asked {
		count.mu.Lock()
		require.Equal(r.t, 1, count.answers, "each ask has one answer")
		if count.state.Phase() == machine.Poisoned {
			require.True(r.t, count.state.Token().IsAbsent(), "poisoned")
			require.NotEmpty(r.t, count.state.Method(), "poisoned")
		}
		count.mu.Unlock()
	}
}

package simulation

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/engine/enginetest"
	"github.com/bezoar-auth/bezoar/machine/machinetest"
	"github.com/bezoar-auth/bezoar/properties/propertytest"
	"github.com/bezoar-auth/bezoar/store/memory"
)

// process is one program on the store: a real enginetest.Owner whose refreshes are
// coroutines that an operation moves.
type process struct {
	world     *world
	name      string
	pid       int
	lives     int               // how often it was started
	owner     *enginetest.Owner // nil while it is dead
	isStopped bool              // it stands still, and the clock runs: what comes for it waits
	asleep    []machine.Ask     // what its clients have asked since
	word      *saying           // the login or logout that it stands still in; nil for none
	ledger    *memory.Process
	refreshes []*refresh
	asks      []*question
	rejected  map[string]bool // access tokens a resource server refused
}

// question is an ask that has to be answered once.
type question struct{ answers int }

func (p *process) start() {
	p.lives++
	p.ledger = p.world.ledger.Process(p.pid)
	p.rejected = map[string]bool{}
	policy := propertytest.Policy
	policy.Profile = fmt.Sprint("profile ", p.world.profile)
	p.owner = enginetest.NewOwner(enginetest.Options{
		Policy: policy, Store: siteStore{p.world.store, p.world, p}, Ledger: siteLedger{p.ledger, p}, AuthorizationServer: p.world,
		Now:    p.world.clock,
		Uptime: func() time.Duration { return p.world.now.Sub(machinetest.Dawn) },
		Random: func() float64 { return 0.5 },
		Before: func(step string) { p.world.running.reach(step) },
	}, p)
	p.owner.Look()
}

// crash ends the process wherever its refreshes are: its memory is lost.
func (p *process) crash() {
	for _, r := range p.refreshes {
		p.world.reach("killed before %q", r.place)
		if r.isInDoubt() {
			p.world.doubts[r.state.Credential.RefreshToken.Reveal()]++
		}
		r.crashed = true
		r.stop()
	}
	if p.word != nil {
		p.world.reach("killed in %s", p.word.kind)
		p.world.isTorn = p.world.isTorn || p.word.isStored
		p.word.stop()
		p.word = nil
	}
	p.ledger.Crash()
	p.owner, p.refreshes, p.asks = nil, nil, nil
	p.isStopped, p.asleep = false, nil
}

// refresh is one refresh transaction as a coroutine, and where it stands.
type refresh struct {
	process *process
	state   machine.State // in which it was ordered
	place   string        // the step before which it stands, "answer", "lock wait" or "report"
	halt    string        // the next step to stop before, "" for none

	next  func() (struct{}, bool)
	stop  func()
	yield func(struct{}) bool

	intended  time.Time // when its intent was made
	overdue   func()    // tells its owner that the deadline of its post has struck; nil while it has not begun
	looked    bool
	found     *machine.Credential // what it saw in the store
	reserved  bool                // the store has room for what comes of it
	post      *post
	outcome   machine.Event
	impatient bool // it has waited for the lock long enough
	abandoned bool // a login or a logout came first
	disturbed bool // a login was stored or removed since it was ordered
	crashed   bool
}

// isInDoubt reports whether it has an intent and no outcome in the ledger.
func (r *refresh) isInDoubt() bool {
	return slices.Contains([]string{"post", "answer", "save", "record"}, r.place)
}

// crash is what unwinds the coroutine of a process that died.
type crash struct{}

// Refresh implements enginetest.Runner.
func (p *process) Refresh(run func(context.Context, enginetest.Listen) machine.Event) {
	state := p.owner.State()
	if state.Phase != machine.Stale || state.Attempt == 0 {
		p.world.violate("%s starts a refresh in state %s", p.name, state.Phase)
	}
	for _, other := range p.refreshes {
		if !other.abandoned && other.state.Credential.Equal(state.Credential) {
			p.world.violate("%s has two refreshes of %s in flight", p.name, p.world.nameOf(&state.Credential))
		}
	}
	r := &refresh{process: p, state: state}
	r.next, r.stop = iter.Pull(func(yield func(struct{}) bool) {
		defer func() {
			if reason := recover(); reason != nil && reason != (crash{}) {
				panic(reason)
			}
		}()
		r.yield = yield
		r.outcome = run(context.Background(), r.listen)
		r.reach("report")
	})
	p.refreshes = append(p.refreshes, r)
}

// listen implements enginetest.Listen: an operation lets the deadline strike.
func (r *refresh) listen(overdue func() machine.AnswerOverdue) (context.Context, func()) {
	r.overdue = func() { r.process.owner.Overdue(overdue()) }
	return context.Background(), func() { r.overdue = nil }
}

// Revoke implements enginetest.Runner: it takes no time.
func (p *process) Revoke(run func(context.Context) (ended func())) {
	run(context.Background())()
}

// reach is called before each step; it is where the coroutine may be stopped.
func (r *refresh) reach(step string) {
	if r.place == "record" && r.post != nil {
		r.post.recorded = true // that step has been done
	}
	r.place = step
	if r.halt == step {
		r.process.world.reach("stands before %q", step)
		r.pause(step)
	}
	if step == "intend" {
		r.intended = r.process.world.now
	}
}

func (r *refresh) pause(place string) {
	r.place = place
	if !r.yield(struct{}{}) {
		panic(crash{})
	}
}

// goOn lets the refresh run until it has to wait, stands before the step halt,
// or is over; then its owner takes the outcome.
func (r *refresh) goOn(halt string) {
	w, p := r.process.world, r.process
	r.abandoned = r.abandoned || p.owner.State().Attempt != r.state.Attempt
	r.halt, w.running = halt, r
	_, more := r.next()
	w.running = nil
	if more {
		return
	}
	p.refreshes = slices.DeleteFunc(p.refreshes, func(each *refresh) bool { return each == r })
	w.reach("a refresh ends in %T", r.outcome)
	before := p.owner.State()
	p.owner.Conclude(r.outcome)
	after := p.owner.State()
	if r.abandoned && !after.Credential.Equal(before.Credential) {
		w.violate("a refresh that was in flight undoes a login or a logout of %s", p.name)
	}
	if outcome, ok := r.outcome.(machine.RefreshFailedTransient); ok && !r.abandoned && after.Phase != machine.Stale {
		w.violate("a transient failure leads %s to %s (%v)", p.name, after.Phase, outcome.Posted)
	}
}

// begin lets refreshes that were just ordered run.
func (p *process) begin(halt string) {
	for _, r := range slices.Clone(p.refreshes) {
		if r.place == "" {
			r.goOn(halt)
		}
	}
}

// waitingAt is the refresh that stands at one of the places, nil for none.
func (p *process) waitingAt(matches func(place string) bool) *refresh {
	for _, r := range p.refreshes {
		if matches(r.place) {
			return r
		}
	}
	return nil
}

// mayGoOnWith reports whether a refresh that saw this in the store may post:
// it is what the refresh was ordered for, or older, or known to be dead.
func (r *refresh) mayGoOnWith(found *machine.Credential) bool {
	held := r.state.Credential
	switch {
	case found == nil || found.AccountID != held.AccountID:
		return false
	case found.Equal(held), r.state.IsUnsaved() && found.Equal(*r.state.Base):
		return true
	}
	return r.process.world.mayBePoisoned(r.process, *found)
}

// ask asks, and expects to be answered once.
func (p *process) ask(ask machine.Ask) {
	q := &question{}
	p.asks = append(p.asks, q)
	p.owner.Ask(ask, func(machine.Snapshot) { q.answers++ })
}

func (p *process) reject() {
	held := p.owner.State().Credential.AccessToken
	p.rejected[held.Reveal()] = true
	q := &question{}
	p.asks = append(p.asks, q)
	p.owner.Reject(held.Fingerprint(), func(machine.Snapshot) { q.answers++ })
}

// disturb tells all refreshes that a login was stored or removed.
func (w *world) disturb() {
	for _, p := range w.processes {
		for _, r := range p.refreshes {
			r.disturbed = true
		}
	}
}

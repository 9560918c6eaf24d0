package owner

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync/atomic"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/secret"
)

// Owner is the engine without its goroutine: it owns the state, and only
// one goroutine at a time may call it. Programs use an Engine; a simulation
// that wants to choose what happens next uses an Owner. Any goroutine may call Snapshot,
// State and TryAnswer.
type Owner struct {
	Options
	runner        Runner
	published     atomic.Pointer[published]
	state         machine.State
	lastLook      look
	publishedLook atomic.Pointer[look] // lastLook, when the snapshot is what came of it; else nil
	hasLooked     bool
	problem       string // of the store at the last look, as it was logged

	isGiven         bool               // a login with external tokens came from the client; else another program publishes it in the store
	cameOfRejection secret.Fingerprint // the access token that a 401 past the floor led to last

	waiters     []waiter
	subscribers []*Subscriber
	running     int           // refreshes and revocations that have not ended
	revocations []*revocation // of these
	loggingOut  *revocation   // what the logout that is being taken up leaves to revoke
	isClosing   bool          // it leaves when nothing runs any more
	renewing    chan struct{} // full while the client of external tokens is asked
	renewed     chan struct{} // closed when a later renewal begins; nil before the first
	isEnding    bool          // no refresh is begun any more
	isDrained   bool          // callers are answered at once, with what there is
	unwaited    []func()      // called when no caller waits any more
	resting     []func()      // called when no refresh is in flight that could be waited for
	heard       []func()      // called when no refresh is in flight at all
}

// published is a state that has been published, and what callers are given of it.
type published struct {
	state    machine.State
	snapshot machine.Snapshot
	isGiven  bool
}

// Subscriber is called after each change, until it is stopped.
type Subscriber struct {
	changed func(from, to machine.Snapshot)
	stopped atomic.Bool
}

// NewSubscriber makes a subscriber of a function. Stop may be called from anywhere.
func NewSubscriber(changed func(from, to machine.Snapshot)) *Subscriber {
	return &Subscriber{changed: changed}
}

// Stop ends the calls.
func (s *Subscriber) Stop() { s.stopped.Store(true) }

// New makes an owner that knows of no login: let it Look first.
func New(options Options, runner Runner) *Owner {
	options = options.withDefaults()
	o := &Owner{
		Options: options, runner: runner, state: machine.New(options.Policy),
		renewing: make(chan struct{}, 1),
	}
	o.publish()
	return o
}

// Snapshot is what callers are given of the state that was published last.
func (o *Owner) Snapshot() machine.Snapshot { return o.published.Load().snapshot }

// TryAnswer is the answer to an ask if it needs no step of the machine. Any goroutine
// may call it.
func (o *Owner) TryAnswer(ask machine.Ask) (snapshot machine.Snapshot, known bool) {
	held, at := o.published.Load(), o.Now()
	if follows(&held.state, held.isGiven) {
		return held.snapshot, o.isCurrent(held)
	}
	return held.snapshot, held.state.AnswersAtOnce(ask, at) || held.state.NeedsALook(ask, at) && o.isCurrent(held)
}

// State is the state that was published last, with its refresh token.
func (o *Owner) State() machine.State { return o.published.Load().state }

// Reload looks at the store even if it seems not to have changed.
func (o *Owner) Reload() {
	o.forget()
	o.Look()
}

// Conclude takes the event that a refresh ended in.
func (o *Owner) Conclude(outcome machine.Event) {
	o.running--
	before := o.state.Credential
	o.step(outcome)
	ctx, cancel := context.WithTimeout(context.Background(), storeLimit)
	defer cancel()
	o.noteAdopted(ctx, outcome, before)
	if o.isHeard() {
		call(&o.heard)
	}
}

// Overdue takes the deadline of a post that goes on: callers wait no longer.
func (o *Owner) Overdue(event machine.AnswerOverdue) { o.step(event) }

// step runs one event through the machine and carries out what it orders.
func (o *Owner) step(event machine.Event) {
	before := o.state
	next, effects, err := machine.Step(before, event)
	if err != nil {
		o.Log.Error("bug: an event that the machine has no row for", "error", err)
		return
	}
	o.state = next
	o.noteOrigin(event, before.Credential)
	if next.Phase != before.Phase {
		o.forget() // what was of no use in one state may be a login in another
	}
	for _, effect := range effects {
		o.perform(effect, &before)
	}
	if len(o.waiters) > 0 && (o.state.Overdue || o.waiters[0].attempt != o.state.Attempt) { // all wait for the same one
		o.relieve(&before)
	}
	if o.isResting() {
		call(&o.resting)
	}
}

// perform carries out one effect. Those that end in an event do so here, but
// for a refresh, which takes its time.
func (o *Owner) perform(effect machine.Effect, before *machine.State) {
	switch effect := effect.(type) {
	case machine.Publish:
		o.publish()
	case machine.Notify:
		o.notify(effect.Trigger, before)
	case machine.LookInStore:
		o.Look()
	case machine.SaveAgain:
		o.step(o.saving())
	case machine.StartRefresh:
		o.refresh()
	case machine.Revoke:
		o.revoke(effect.Credential)
	}
}

func (o *Owner) publish() {
	o.published.Store(&published{o.state, o.state.Snapshot(), o.isGiven})
}

func (o *Owner) notify(trigger machine.Trigger, before *machine.State) {
	after := o.published.Load()
	o.logChange(trigger, before, &after.state)
	if len(o.subscribers) == 0 {
		return
	}
	from := before.Snapshot()
	for _, each := range o.subscribers {
		if !each.stopped.Load() {
			each.changed(from, after.snapshot)
		}
	}
	o.forgetStopped()
}

// Subscribe has a subscriber called after each change.
func (o *Owner) Subscribe(s *Subscriber) {
	o.forgetStopped()
	o.subscribers = append(o.subscribers, s)
}

func (o *Owner) forgetStopped() {
	o.subscribers = slices.DeleteFunc(o.subscribers, func(each *Subscriber) bool { return each.stopped.Load() })
}

// logChange writes one line, in the words of the table and of the ledger. A login
// that has become useless, or that would not survive this process, is a warning;
// one that is found like that at the start is no news.
func (o *Owner) logChange(trigger machine.Trigger, before, after *machine.State) {
	level := slog.LevelInfo
	if o.hasLooked && (after.Phase == machine.Poisoned || after.IsUnsaved()) {
		level = slog.LevelWarn
	}
	if !o.Log.Enabled(context.Background(), level) {
		return // fingerprints are not free
	}
	o.Log.Log(context.Background(), level, "state changed",
		"from", before.Phase, "to", after.Phase, "trigger", trigger, "reason", after.Assess(o.Now()).Reason,
		"key", o.tokenID(after.Credential).Short(), "access", after.Credential.Fingerprint().Short())
}

// End lets no refresh begin from now on.
func (o *Owner) End() { o.isEnding = true }

// Drain answers all callers at once, now and from now on, with what there is.
func (o *Owner) Drain() {
	o.isDrained = true
	o.answerAll()
}

// Close says that the engine leaves as soon as nothing runs any more.
func (o *Owner) Close() { o.isClosing = true }

// Abandon gives up what still runs.
func (o *Owner) Abandon() { o.running = 0 }

// IsOver reports whether the engine may leave.
func (o *Owner) IsOver() bool { return o.isClosing && o.running == 0 }

var errAbandoned = errors.New("the engine was closed before the answer came")

// Leave does what must not stay undone, and answers all who wait.
func (o *Owner) Leave() {
	if o.state.IsUnsaved() {
		o.step(o.saving())
	}
	o.answerAll()
	call(&o.resting)
	call(&o.heard)
	for _, each := range o.revocations {
		each.ended(true, errAbandoned)
	}
	o.revocations = nil
}

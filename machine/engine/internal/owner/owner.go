package owner

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/machine/secret"
)

// Owner is the engine without its goroutine: it owns the state, and only
// one goroutine at a time may call it. Programs use an Engine; a simulation
// that wants to choose what happens next uses an Owner. Only Snapshot and isCurrent
// may be called by others.
type Owner struct {
	Options
	runner        Runner
	published     atomic.Pointer[published]
	state         machine.State
	lastLook      look
	publishedLook atomic.Pointer[look] // lastLook, when the snapshot is what came of it; else nil
	hasLooked     bool
	problem       string // of the store at the last look, as it was logged
	waiters       []waiter
	subscribers   []*Subscriber
	running       int           // refreshes and revocations that have not ended
	revocations   []*revocation // of these
	loggingOut    *revocation   // what the logout that is being taken up leaves to revoke
	isClosing     bool          // it leaves when nothing runs any more
	renewing      chan struct{} // full while the client of external tokens is asked
	renewed       chan struct{} // closed when a later renewal begins; nil before the first
	isEnding      bool          // no refresh is begun any more
	isDrained     bool          // callers are answered at once, with what there is
	unwaited      []func()      // called when no caller waits any more
	resting       []func()      // called when no refresh is in flight that could be waited for
	heard         []func()      // called when no refresh is in flight at all
}

// waiter is a caller whose answer depends on a refresh.
type waiter struct {
	attempt machine.AttemptID
	ask     machine.Ask
	since   time.Time // when it asked
	answer  func(machine.Snapshot)
}

// published is a state that has been published, and what callers are given of it.
type published struct {
	state    machine.State
	snapshot machine.Snapshot
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
	return held.snapshot, held.state.AnswersAtOnce(ask, at) || held.state.NeedsALook(ask, at) && o.isCurrent(held)
}

// State is the state that was published last, with its refresh token.
func (o *Owner) State() *machine.State { return &o.published.Load().state }

// Ask takes up what a client wants; see Engine.Ask.
func (o *Owner) Ask(ask machine.Ask, answer func(machine.Snapshot)) {
	before := o.State()
	o.step(machine.Asked{At: o.at(), Ask: ask})
	o.goOn(before)
	o.answer(ask, answer)
}

// Reject takes up a 401 of a resource server; see Engine.Rejected.
func (o *Owner) Reject(access secret.Fingerprint, answer func(machine.Snapshot)) {
	o.reject(machine.TokenRejected{At: o.at(), Access: access}, answer)
}

// RejectPastFloor takes up a 401 that is believed whatever the age of the token; see
// Engine.RejectedPastFloor.
func (o *Owner) RejectPastFloor(access secret.Fingerprint, answer func(machine.Snapshot)) {
	o.reject(machine.TokenRejected{At: o.at(), Access: access, PastFloor: true}, answer)
}

func (o *Owner) reject(refusal machine.TokenRejected, answer func(machine.Snapshot)) {
	before := o.State()
	o.step(refusal)
	o.goOn(before)
	if o.isResting() || o.isDrained {
		answer(o.Snapshot())
		return
	}
	o.waiters = append(o.waiters, waiter{o.state.Attempt, machine.Ask{Refresh: true}, o.Now(), answer})
}

// goOn refreshes a login that was taken up or granted and has aged as well, or that
// need not wait any longer after a look. What another process stored is the refresh
// that was asked for, so that none follows if it is good.
func (o *Owner) goOn(before *machine.State) {
	isNew := !o.state.Credential.AccessToken.Equal(before.Credential.AccessToken)
	isFree := before.Attempt == 0 && !before.NotBefore.IsZero() && o.state.NotBefore.IsZero()
	isEnding := o.isClosing || o.isDrained
	if !isEnding && o.state.Phase == machine.Stale && o.state.Attempt == 0 && (isNew || isFree) {
		o.step(machine.Asked{At: o.at(), Ask: machine.Ask{Token: true}})
	}
}

// Login stores a credential and then uses it; see Engine.Login.
func (o *Owner) Login(c machine.Credential) error {
	ctx, cancel := context.WithTimeout(context.Background(), o.SaveWait)
	defer cancel()
	if c.Method != machine.MethodExternal {
		if err := o.Store.Replace(ctx, c); err != nil {
			return fmt.Errorf("store login: %w", err)
		}
		o.forget()
		login := persist.Entry{Kind: persist.Login, Method: c.Method, TokenID: o.keyOf(c), Access: c.Fingerprint()}
		o.note(ctx, login.WithExpiry(c).Of(c))
		o.endIfGone(ctx, c)
	}
	o.step(machine.LoggedIn{At: o.at(), Credential: c})
	return nil
}

// Logout removes the stored login; see Engine.Logout. It writes its entry before it
// removes the record: a sister process that finds the record gone must know that it
// was on purpose, also if this one dies in between. If the record is still there
// then, a second entry takes the first one back; if the process dies before that, the
// next one to start on the home finds the login and writes that it goes on. What a
// sister wrote between the entry and the removal says so as well: then the entry is
// written again.
//
// ended is called once the authorization server has been told or given up on, at once
// if there is nothing to tell or it is not to be told, and never if the logout failed.
func (o *Owner) Logout(isLocal bool, ended func(asked bool, err error)) error {
	ctx, cancel := context.WithTimeout(context.Background(), o.SaveWait)
	defer cancel()
	o.noteLogout(ctx, o.state.Credential)
	stored, _ := o.Store.Load(ctx) // whatever it is, it goes
	if err := o.Store.Delete(ctx); err != nil {
		o.takeBackLogout(stored)
		return fmt.Errorf("remove stored login: %w", err)
	}
	o.forget()
	if _, err := o.Store.Load(ctx); err != nil && !o.lineage(ctx).LoggedOut {
		o.noteLogout(ctx, stored.Credential)
	}
	o.loggingOut = &revocation{isLocal: isLocal, ended: ended}
	o.step(machine.LoggedOut{At: o.at(), Removed: &stored.Credential})
	if o.loggingOut != nil { // the step ordered no revocation
		o.loggingOut = nil
		ended(false, nil)
	}
	return nil
}

// takeBackLogout tells the ledger that a logout has changed nothing, if it has not:
// the record may be gone all the same.
func (o *Owner) takeBackLogout(stored persist.Record) {
	ctx, cancel := context.WithTimeout(context.Background(), storeLimit)
	defer cancel()
	if found, err := o.Store.Load(ctx); err == nil && found.Revision == stored.Revision {
		held := o.state.Credential
		o.note(ctx, persist.Entry{Kind: persist.LogoutFailed, Method: held.Method, TokenID: o.keyOf(held)})
	}
}

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

// call calls all functions of a list, and empties it.
func call(list *[]func()) {
	all := *list
	*list = nil
	for _, each := range all {
		each()
	}
}

// WhenResting calls done as soon as no refresh is in flight, or its deadline has struck.
func (o *Owner) WhenResting(done func()) {
	if o.isResting() {
		done()
		return
	}
	o.resting = append(o.resting, done)
}

func (o *Owner) isResting() bool { return o.state.Attempt == 0 || o.state.Overdue }

// WhenHeard calls done as soon as no refresh is in flight, also none whose deadline has
// struck or whose login has been replaced.
func (o *Owner) WhenHeard(done func()) {
	if o.isHeard() {
		done()
		return
	}
	o.heard = append(o.heard, done)
}

func (o *Owner) isHeard() bool { return o.running == len(o.revocations) }

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
	o.published.Store(&published{state: o.state, snapshot: o.state.Snapshot()})
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
		"key", o.keyOf(after.Credential).Short(), "access", after.Credential.Fingerprint().Short())
}

// answer answers now, or when the refresh in flight has ended.
func (o *Owner) answer(ask machine.Ask, answer func(machine.Snapshot)) {
	o.await(waiter{ask: ask, since: o.Now(), answer: answer})
}

// await is answer for a caller that may have waited already.
func (o *Owner) await(w waiter) {
	if o.isDrained || !o.state.Waits(w.ask, o.Now()) {
		w.answer(o.Snapshot())
		return
	}
	w.attempt = o.state.Attempt
	o.waiters = append(o.waiters, w)
}

// ReleasePatient answers the callers that have waited for a deadline, be it for another
// process's refresh, for the issuer or for both: what there is is better than waiting on.
func (o *Owner) ReleasePatient() {
	now := o.Now().Round(0)
	o.waiters = slices.DeleteFunc(o.waiters, func(w waiter) bool {
		isPatient := now.Sub(w.since.Round(0)) >= o.Deadline
		if isPatient {
			w.answer(o.Snapshot())
		}
		return isPatient
	})
	if len(o.waiters) == 0 {
		call(&o.unwaited)
	}
}

// relieve answers those whose refresh has ended, unless what it brought has to be
// refreshed too: then they wait for that.
func (o *Owner) relieve(before *machine.State) {
	waiting := o.waiters
	o.waiters = nil
	o.goOn(before)
	for _, each := range waiting {
		o.await(each)
	}
	if len(o.waiters) == 0 {
		call(&o.unwaited)
	}
}

func (o *Owner) answerAll() {
	waiting := o.waiters
	o.waiters = nil
	for _, each := range waiting {
		each.answer(o.Snapshot())
	}
	call(&o.unwaited)
}

// WhenUnwaited calls done as soon as no caller waits.
func (o *Owner) WhenUnwaited(done func()) {
	if len(o.waiters) == 0 {
		done()
		return
	}
	o.unwaited = append(o.unwaited, done)
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

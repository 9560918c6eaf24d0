package owner

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/endpoint"
	"github.com/bezoar-auth/bezoar/machine/evidence"
	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/machine/persist"
)

// transaction is one refresh: the only way a refresh token is posted to the token
// endpoint. Its steps are done in their order, which is the safety, and each of them may
// end it with an outcome. It owns nothing but itself: what it read and decided is reported as
// one event when it is over.
type transaction struct {
	*Options
	state machine.State // as it was when the refresh was ordered

	isWithheld bool // it was ordered after the end had begun

	listen  Listen
	unlock  func()
	vacate  func()         // gives back the room for the successor
	intent  time.Duration  // when the intent was made, by the clock that never stands still
	stored  persist.Record // what the store held under the lock
	doubt   history.Doubt
	bring   func(context.Context) context.Context // puts what was prepared into the context of the post; nil for nothing
	answer  endpoint.Answer
	next    machine.Credential // what the issuer's grant makes of it
	entry   persist.Entry      // what the ledger gets to know of the post
	outcome machine.Event      // how it ended; nil while it has not
}

func newTransaction(options *Options, state machine.State) *transaction {
	return &transaction{Options: options, state: state, unlock: func() {}, vacate: func() {}}
}

// StepPost names the step that may spend the refresh token.
const StepPost = "post"

// step is one step of a refresh, by name.
type step struct {
	name string
	do   func(*transaction, context.Context)
}

// untilPost are the steps up to the post. The first one with an outcome is the
// last one done: nothing has been spent.
var untilPost = []step{
	{"lock", (*transaction).lock},       // politeness towards other processes
	{"reread", (*transaction).reread},   // another process may have done it already
	{"reserve", (*transaction).reserve}, // no place for the successor, no post
	{"intend", (*transaction).intend},   // one intent per refresh token: one post
	{StepPost, (*transaction).post},     // now the token may be spent
}

// fromAnswer are the steps that follow the answer. They are all done, whatever
// comes of each: what the issuer said must not get lost.
var fromAnswer = []step{
	{"save", (*transaction).save},      // the successor is on the disk
	{"record", (*transaction).record},  // the ledger knows, and the intent is closed
	{"unlock", (*transaction).release}, // the next process may look
}

// run does a refresh and returns its outcome. Where an issuer forgives a second post for a
// while, an answer that was lost is asked for again at once: the next caller would come too
// late for it.
func (t *transaction) run(posting context.Context, listen Listen) machine.Event {
	outcome := t.once(posting, listen)
	if !t.isForgiven(outcome) || !t.pause(posting, outcome.(machine.RefreshFailedTransient).NotBefore) {
		return outcome
	}
	again := newTransaction(t.Options, t.state).once(posting, listen)
	if failed, ok := again.(machine.RefreshFailedTransient); ok && !failed.Posted {
		return outcome
	}
	return again
}

// isForgiven reports whether the refresh token may be spent, and its issuer says that one more
// post at the time of the next attempt is harmless. That has to be soon: callers wait for it.
func (t *transaction) isForgiven(outcome machine.Event) bool {
	failed, isTransient := outcome.(machine.RefreshFailedTransient)
	unavailable, isUnavailable := t.answer.(endpoint.Unavailable)
	if !isTransient || !failed.Posted || !isUnavailable || t.entry.Losses > 1 || t.doubt.Times > 0 {
		return false
	}
	mayBeSpent := unavailable.Lost || unavailable.Evidence.Status/100 == 5 // Hydra answers a race with 500
	isSoon := failed.NotBefore.Before(t.entry.SentAt.Add(t.Deadline))
	return mayBeSpent && isSoon && t.Policy.Forgives(t.entry.SentAt, failed.NotBefore)
}

// pause waits for a time, and reports whether something may be posted then.
func (t *transaction) pause(posting context.Context, until time.Time) bool {
	timer := time.NewTimer(until.Sub(t.at().Time))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-posting.Done():
		return false
	}
}

// once does the steps and returns the outcome. Posting ends when nothing may be
// posted any more: the steps up to the intent end with it.
func (t *transaction) once(posting context.Context, listen Listen) machine.Event {
	defer func() { t.release(posting) }()
	t.listen = listen
	for _, each := range untilPost {
		t.Before(each.name)
		if t.isWithheld || posting.Err() != nil {
			t.end(each.name)
			return t.outcome
		}
		if each.do(t, posting); t.outcome != nil {
			return t.outcome
		}
	}
	for _, each := range fromAnswer {
		t.Before(each.name)
		each.do(t, posting)
	}
	return t.outcome
}

// end is for a refresh that may not post any more. An intent that it has made is
// taken back: nothing was spent.
func (t *transaction) end(before string) {
	if before == StepPost {
		t.takeBack(errEnding)
		return
	}
	t.withhold("", errEnding)
}

func (t *transaction) lock(ending context.Context) {
	ctx, cancel := context.WithTimeout(ending, t.LockWait)
	defer cancel()
	unlock, err := t.Store.Lock(ctx)
	switch {
	case err == nil:
		t.unlock = unlock
	case ending.Err() != nil:
		t.withhold("", errEnding)
	case ctx.Err() != nil:
		t.withhold(evidence.BlockRefreshElsewhere, fmt.Errorf("lock the store: %w", err))
	default:
		t.withhold(evidence.BlockStoreNotDurable, fmt.Errorf("lock the store: %w", err))
	}
}

// reread asks the ledger first and the store then: a token that the ledger says
// is spent has its successor stored by that time. The other way round,
// another process that did not wait for the lock could refresh in between, and then the
// login would seem to be dead.
func (t *transaction) reread(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, stepLimit)
	defer cancel()
	known := t.tokenHistory(ctx)
	record, err := t.Store.Load(ctx)
	found := &record.Credential
	if _, ok := errors.AsType[*persist.UnavailableError](err); ok {
		t.withhold(evidence.BlockStoreUnavailable, err)
		return
	} else if err != nil {
		found = nil
	}
	_, unreadable := errors.AsType[*persist.UnreadableError](err)
	if unreadable {
		t.Log.Warn("the stored login cannot be read", "error", err)
	}
	doubt, err := t.Ledger.Doubt(ctx, t.tokenID(t.state.Credential))
	if err != nil {
		t.withhold(evidence.BlockStoreUnavailable, fmt.Errorf("ask the ledger for intents: %w", err))
		return
	}
	doubt.AnswersLost = known.Losses(t.tokenID(t.state.Credential))
	t.stored, t.doubt = record, doubt
	t.outcome = t.state.Preflight(machine.Stored{
		Credential: found, Unreadable: unreadable, History: known, Doubt: doubt,
	}, t.at().Time)
}

// reserve holds the room that save writes into. It looks at the record again
// once there is room: another process that did not wait for the lock may have put a
// successor in place that a dead process had left.
//
// What it begins to make is waited for although the program ends, as an intent is: it
// would be made when there is no process any more to remove it.
func (t *transaction) reserve(ctx context.Context) {
	ctx, cancel := detached(ctx, stepLimit)
	defer cancel()
	vacate, err := t.Store.Reserve(ctx, t.stored.Credential)
	if err == nil {
		t.vacate = vacate
		var again persist.Record
		if again, err = t.Store.Load(ctx); err == nil && again.Revision != t.stored.Revision {
			err = persist.ErrConflict
		}
	}
	switch {
	case err == nil:
	case errors.Is(err, persist.ErrConflict):
		t.withhold(evidence.BlockRefreshElsewhere, err)
	default:
		t.withhold(evidence.BlockStoreNotDurable, fmt.Errorf("reserve room for the new tokens: %w", err))
	}
}

func (t *transaction) intend(ctx context.Context) {
	credential := t.state.Credential
	t.entry = persist.Entry{
		At: t.at().Time, PID: t.ProcessID, Attempt: t.state.Attempt, Cause: t.state.Cause,
		TokenID: t.tokenID(credential), Access: credential.AccessToken.Fingerprint(), Profile: t.Policy.Profile,
	}.Of(credential)
	if t.prepare(ctx); t.outcome != nil {
		return
	}
	ctx, cancel := detached(ctx, stepLimit)
	defer cancel()
	t.intent, t.entry.At = t.Uptime(), t.at().Time
	intent := t.entry
	intent.Kind = persist.Intended
	switch err := t.Ledger.Intend(ctx, intent, t.doubt); {
	case errors.Is(err, persist.ErrIntended):
		t.withhold(evidence.BlockRefreshElsewhere, err)
	case err != nil:
		t.withhold(evidence.BlockStoreNotDurable, fmt.Errorf("write the intent: %w", err))
	}
}

// prepare gets what the post needs, while nothing is intended. If there is none, the refresh
// ends as if the issuer had been asked, so that all processes wait for the same time.
func (t *transaction) prepare(posting context.Context) {
	preparer, ok := t.AuthorizationServer.(Preparer)
	if !ok {
		return
	}
	ctx, cancel := context.WithTimeout(posting, t.Deadline)
	defer cancel()
	t.bring, t.answer = preparer.Prepare(ctx, t.Policy.IssuerOf(t.state.Credential), t.state.Credential.Provenance)
	switch {
	case posting.Err() != nil:
		t.withhold("", errEnding)
		return
	case t.answer == nil:
		return
	}
	t.save(ctx)
	ctx, done := detached(ctx, stepLimit)
	defer done()
	if err := t.Ledger.Append(ctx, t.entry); err != nil {
		t.Log.Warn("that nothing could be sent was not written to the ledger", "error", err)
	}
}

// post asks the issuer. The deadline ends the waiting of the callers and nothing
// else: an answer that comes later goes through the same steps. If the engine
// abandons the refresh, the intent stays open, and the next process finds it.
func (t *transaction) post(context.Context) {
	hearing, stop := t.listen(t.overdue)
	defer stop()
	ctx := hearing
	if t.bring != nil {
		ctx = t.bring(ctx)
	}
	mayPost := true
	login := t.state.Credential
	t.entry.SentAt = t.at().Time
	t.answer = t.AuthorizationServer.Refresh(endpoint.WithIntent(ctx, func() bool {
		mayPost = t.Uptime()-t.intent <= t.Deadline
		return mayPost
	}), t.Policy.IssuerOf(login), login.RefreshToken, t.state.Cause)
	t.answer = t.state.Judge(t.answer, t.entry.SentAt)
	unavailable, isUnanswered := t.answer.(endpoint.Unavailable)
	switch {
	case !isUnanswered:
	case hearing.Err() != nil && !errors.Is(context.Cause(hearing), ErrUnheard):
		t.outcome = machine.RefreshFailedTransient{At: t.at(), Attempt: t.state.Attempt, Posted: true, Blocked: evidence.BlockInDoubt}
	case !mayPost && !unavailable.Lost:
		t.takeBack(errIntentOld)
	}
}

// overdue is the event for the deadline of the post.
func (t *transaction) overdue() machine.AnswerOverdue {
	at := t.at()
	return machine.AnswerOverdue{At: at, Attempt: t.state.Attempt, Until: at.Time.Add(endpoint.HearingLimit)}
}

// takeBack ends a refresh between its intent and the first byte of its post: the
// program ends, or it was stopped in between, and what it had reread is old too. What
// all processes know of the issuer stays as it was.
func (t *transaction) takeBack(reason error) {
	ctx, cancel := detached(context.Background(), detachedLimit)
	defer cancel()
	t.entry.At, t.entry.Kind = t.at().Time, persist.Deferred
	deferral := t.tokenHistory(ctx).Deferral
	t.entry.NotBefore, t.entry.Failures, t.entry.Repeated = deferral.NotBefore, deferral.Failures, deferral.Evidence
	if deferral.OfClient {
		t.entry.Objection, t.entry.Reason, t.entry.Profile = evidence.BlockMisconfigured, history.ReasonUnexplained, deferral.Profile
	}
	if err := t.Ledger.Conclude(ctx, t.entry.TokenID, t.entry); err != nil {
		t.Log.Warn("the intent could not be taken back", "error", err)
	}
	t.withhold("", reason)
}

var (
	errEnding    = errors.New("the program ends")
	errIntentOld = errors.New("the intent grew old before the post began; the refresh begins anew")
)

// withhold ends the refresh without a post because of something at home. Soon
// is early enough for the next try: it costs no server anything.
func (t *transaction) withhold(trouble evidence.BlockReason, err error) {
	if !errors.Is(err, errEnding) {
		t.Log.Warn("the refresh was not started", "error", err)
	}
	at := t.at()
	t.outcome = machine.RefreshFailedTransient{
		At: at, Attempt: t.state.Attempt, NotBefore: t.Policy.NextAttempt(at.Time, 1, 0, t.Random()), Blocked: trouble,
	}
}

func (t *transaction) release(context.Context) {
	t.vacate()
	t.unlock()
	t.vacate, t.unlock = func() {}, func() {}
}

// detached is a context for what must be finished although ctx ends: it ends after limit
// and not before.
func detached(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), limit)
}

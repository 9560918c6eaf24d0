package owner

import (
	"context"
	"errors"
	"time"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/evidence"
)

// Runner runs what takes its time, apart from the owner, whose memory it does
// not touch. A program's runner is a goroutine for each; a simulation's is
// whatever it likes.
type Runner interface {
	// Refresh runs a refresh and hands its event to Owner.Conclude. Posting ends
	// when nothing may be posted any more.
	Refresh(run func(posting context.Context, listen Listen) machine.Event)
	// Revoke runs a revocation and then calls what that returns, as the owner's only
	// caller.
	Revoke(run func(context.Context) (ended func()))
}

// Listen is called when a post begins. If the post lasts longer than its deadline, the
// runner hands the event overdue to Owner.Overdue. The context is for hearing the
// answer and ends much later: with the cause ErrUnheard when it is given up for lost,
// with another one when the engine abandons the refresh. Call stop when the post is
// over.
type Listen func(overdue func() machine.AnswerOverdue) (hearing context.Context, stop func())

// ErrUnheard is why the hearing of an answer ends: it counts as lost.
var ErrUnheard = errors.New("the answer of the issuer did not come")

// refresh starts the refresh that the machine ordered: at the issuer, or at the
// client that refreshes its own tokens.
func (o *Owner) refresh() {
	o.running++
	if o.state.Credential.Method == machine.MethodExternal {
		o.renew()
		return
	}
	t := newTransaction(&o.Options, o.state)
	t.isWithheld = o.isEnding
	if o.Elsewhere != nil && !t.isWithheld {
		o.runner.Refresh(t.runElsewhere)
		return
	}
	o.runner.Refresh(t.run)
}

// runElsewhere has another process make the refresh, and takes up what came of it: the
// store and the ledger know.
func (t *transaction) runElsewhere(posting context.Context, listen Listen) machine.Event {
	began := t.at().Time
	if err := t.Elsewhere(posting, t.state.Snapshot()); err != nil {
		t.Log.Warn("no other process could make the refresh, so this one does", "error", err)
		return t.run(posting, listen)
	}
	ctx, cancel := detached(posting, detachedLimit)
	defer cancel()
	if t.reread(ctx); t.outcome == nil {
		t.hindered(ctx, began)
	}
	return t.outcome
}

// hindered is the outcome of a refresh elsewhere that would begin anew: what stood in
// its way. A wait that the issuer's failure brought may be over by now, and a store that
// takes no successor may take no entry of the ledger either.
func (t *transaction) hindered(ctx context.Context, began time.Time) {
	if deferral := t.tokenHistory(ctx).Deferral; deferral.Until(t.Policy.Profile).After(began) {
		t.outcome = machine.RefreshFailedTransient{
			At: t.at(), Attempt: t.state.Attempt, NotBefore: deferral.NotBefore,
			Blocked: deferral.Blocked(), Evidence: deferral.Evidence,
		}
		return
	}
	if err := t.probe(ctx); err != nil {
		t.withhold(evidence.BlockStoreNotDurable, err)
		return
	}
	t.withhold(evidence.BlockRefreshElsewhere, errNoOutcome)
}

var errNoOutcome = errors.New("the process that was to make it has ended without an outcome")

// renewal is a refresh of external tokens: nothing is stored, and the client that
// gave them is the only one that is asked.
type renewal struct {
	*Options
	state machine.State   // as it was when the refresh was ordered
	turn  chan struct{}   // full while the client is asked
	over  <-chan struct{} // closed when a later renewal has taken the place of this one
}

// renew asks the client. A renewal that is under way is of tokens that have been
// replaced since: it ends, for the client is asked one thing at a time.
func (o *Owner) renew() {
	if o.renewed != nil {
		close(o.renewed)
	}
	o.renewed = make(chan struct{})
	options := o.Options
	if !o.isGiven {
		options.Renewer = nil // the client knows nothing of these tokens
	}
	o.runner.Refresh(renewal{&options, o.state, o.renewing, o.renewed}.run)
}

func (r renewal) run(ctx context.Context, _ Listen) machine.Event {
	ctx, cancel := context.WithTimeout(ctx, renewLimit)
	defer cancel()
	finished := make(chan struct{})
	defer close(finished)
	go func() {
		select {
		case <-r.over:
			cancel()
		case <-finished:
		}
	}()
	attempt := r.state.Attempt
	if r.Renewer == nil {
		return machine.RefreshFailedTransient{At: r.at(), Attempt: attempt}
	}
	select {
	case r.turn <- struct{}{}:
		defer func() { <-r.turn }()
	case <-ctx.Done():
		return machine.RefreshFailedTransient{At: r.at(), Attempt: attempt}
	}
	renewed, err := r.Renewer.Renew(ctx, r.state.Credential)
	switch {
	case err != nil:
		r.Log.Warn("the client gave no new tokens", "error", err)
	case !r.Policy.Admits(renewed):
		r.Log.Warn("the client gave tokens of a workspace that may not be used here")
	default:
		return machine.RefreshSucceeded{At: r.at(), Attempt: attempt, Credential: renewed}
	}
	return machine.RefreshFailedTransient{At: r.at(), Attempt: attempt}
}

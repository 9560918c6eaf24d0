package owner

import (
	"context"
	"errors"
	"time"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/evidence"
	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/machine/persist"
)

// Sight has the members of engine.Sight, where each of them is explained.
type Sight struct {
	Snapshot machine.Snapshot
	History  history.TokenHistory

	IsForbidden   bool
	StoreProblem  error
	LedgerProblem error
}

// Peek looks at a login and leaves no trace; see engine.Peek.
func Peek(ctx context.Context, options Options) Sight {
	o := options.withDefaults()
	seen, state := Sight{}, machine.New(o.Policy)
	seen.History, seen.LedgerProblem = o.Ledger.History(ctx)
	record, err := o.Store.Load(ctx)
	if !errors.Is(err, persist.ErrNotFound) {
		seen.StoreProblem = err
	}
	seen.IsForbidden = err == nil && !o.Policy.Admits(record.Credential)
	state = mustStep(state, o.found(ctx, &state, seen.History, record, err))
	if state.Phase == machine.Stale && seen.StoreProblem == nil {
		state = o.foresee(ctx, state, seen.History, record.Credential)
	}
	seen.Snapshot = state.Snapshot()
	return seen
}

// mustStep panics on an event that has no row: Peek made it itself, out of nothing
// that another process said.
func mustStep(s machine.State, event machine.Event) machine.State {
	next, _, err := machine.Step(s, event)
	if err != nil {
		panic(err)
	}
	return next
}

// foresee is the state that a refresh which is due would lead to if it ended without a
// post, and the same state with the evidence of the last attempt if it would be posted.
func (o *Options) foresee(ctx context.Context, due machine.State, history history.TokenHistory, stored machine.Credential) machine.State {
	if due.Objected {
		return due // nothing would be posted
	}
	state := due
	asked := mustStep(due, machine.Asked{At: o.at(), Ask: machine.Ask{Token: true}})
	if outcome := o.withheld(ctx, asked, history, stored); outcome != nil {
		state = mustStep(asked, outcome)
		state.LastAttempt = time.Time{} // there was none
	}
	state.Evidence = history.Deferral.Evidence
	if state.Blocked == "" && state.Phase == machine.Stale && state.WayOut() != "" {
		state.Blocked = evidence.BlockIssuerUnavailable // the next post will hardly end otherwise
	}
	return state
}

// withheld is how a refresh would end without a post, nil if it would be posted.
func (o *Options) withheld(ctx context.Context, asked machine.State, history history.TokenHistory, stored machine.Credential) machine.Event {
	withheld := machine.RefreshFailedTransient{At: o.at(), Attempt: asked.Attempt}
	doubt, err := o.Ledger.PeekDoubt(ctx, o.tokenID(stored))
	if err != nil {
		withheld.Blocked = evidence.BlockStoreUnavailable
		return withheld
	}
	if outcome := asked.Preflight(machine.Stored{Credential: &stored, History: history, Doubt: doubt}, o.at().Time); outcome != nil {
		return outcome
	}
	if o.probe(ctx) != nil {
		withheld.Blocked = evidence.BlockStoreNotDurable
		return withheld
	}
	return nil
}

// probe reports why a refresh could not be written down, as far as that can be seen.
func (o *Options) probe(ctx context.Context) error {
	for _, each := range []any{o.Store, o.Ledger} {
		if room, ok := each.(persist.Prober); ok {
			if err := room.Probe(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

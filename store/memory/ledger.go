package memory

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/store/journal"
)

// Ledger is a journal that lives as long as this program: of a store that does
// so too, or of one that several simulated processes share. It has no clock and
// is deterministic.
type Ledger struct {
	issuer machine.Issuer

	mu      sync.Mutex // guards what follows
	entries []persist.Entry
	history history.TokenHistory
	intents map[secret.Fingerprint][]intent // of a token id, the newest last
}

// entriesLimit is how many entries there may be before they are compacted. A
// compaction leaves fewer, or it would be one after each entry.
const entriesLimit = 2048

// intent is a post that was about to be made.
type intent struct {
	entry  persist.Entry
	holder *Process
	times  int // 1 for the first post, 2 for its replay
}

// NewLedger returns an empty journal for processes that use the token endpoint of
// issuer.
func NewLedger(issuer machine.Issuer) *Ledger {
	return &Ledger{issuer: issuer, intents: map[secret.Fingerprint][]intent{}}
}

// Process is the ledger as one process has it open. It implements [persist.Ledger].
type Process struct {
	ledger  *Ledger
	pid     int
	crashed bool // guarded by the ledger's mutex
}

// Process returns the ledger as one more process opens it. Processes that live at the
// same time need different numbers.
func (l *Ledger) Process(pid int) *Process { return &Process{ledger: l, pid: pid} }

// Entries are the entries that are kept, the newest last.
func (l *Ledger) Entries() []persist.Entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.entries)
}

var (
	errCrashed = errors.New("this process has crashed")
	errNoKey   = errors.New("there is no refresh token to make an intent for")
)

// Crash ends the process: the outcome of its posts is never written, and all its
// methods fail from now on.
func (p *Process) Crash() {
	p.ledger.mu.Lock()
	defer p.ledger.mu.Unlock()
	p.crashed = true
}

// enter locks the ledger, unless the process has crashed.
func (p *Process) enter() (leave func(), err error) {
	p.ledger.mu.Lock()
	if p.crashed {
		p.ledger.mu.Unlock()
		return nil, errCrashed
	}
	return p.ledger.mu.Unlock, nil
}

// History implements [persist.Ledger].
func (p *Process) History(context.Context) (history.TokenHistory, error) {
	leave, err := p.enter()
	if err != nil {
		return history.TokenHistory{}, &persist.UnavailableError{Err: err}
	}
	defer leave()
	return p.ledger.history, nil
}

// Append implements [persist.Ledger].
func (p *Process) Append(_ context.Context, e persist.Entry) error {
	leave, err := p.enter()
	if err != nil {
		return &persist.NotDurableError{Err: err}
	}
	defer leave()
	p.ledger.append(e.By(p.pid, p.ledger.issuer))
	return nil
}

// Doubt implements [persist.Ledger].
func (p *Process) Doubt(_ context.Context, id secret.Fingerprint) (history.Doubt, error) {
	leave, err := p.enter()
	if err != nil {
		return history.Doubt{}, &persist.UnavailableError{Err: err}
	}
	defer leave()
	open := p.ledger.intents[id]
	if len(open) == 0 {
		return history.Doubt{}, nil
	}
	newest := open[len(open)-1]
	return history.Doubt{Since: newest.entry.At, Times: newest.times, HolderGone: newest.holder.crashed}, nil
}

// PeekDoubt implements [persist.Ledger].
func (p *Process) PeekDoubt(ctx context.Context, id secret.Fingerprint) (history.Doubt, error) {
	return p.Doubt(ctx, id)
}

// Intend implements [persist.Ledger].
func (p *Process) Intend(ctx context.Context, e persist.Entry, doubt history.Doubt) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if e.TokenID == "" {
		return errNoKey
	}
	leave, err := p.enter()
	if err != nil {
		return &persist.NotDurableError{Err: err}
	}
	defer leave()
	l, made := p.ledger, intent{entry: e.By(p.pid, p.ledger.issuer), holder: p, times: doubt.Times + 1}
	uncovered := func(other intent) bool { return other.times >= made.times }
	lost := l.history.Losses(e.TokenID) > doubt.AnswersLost
	isBarred := l.history.VerdictOn(e.TokenID) != nil || l.history.Objection(e.TokenID, e.Profile) != nil
	if slices.ContainsFunc(l.intents[e.TokenID], uncovered) || isBarred || lost {
		return persist.ErrIntended
	}
	l.intents[e.TokenID] = append(l.intents[e.TokenID], made)
	l.append(made.entry)
	return nil
}

// Conclude implements [persist.Ledger].
func (p *Process) Conclude(_ context.Context, id secret.Fingerprint, outcome persist.Entry) error {
	leave, err := p.enter()
	if err != nil {
		return &persist.NotDurableError{Err: err}
	}
	defer leave()
	outcome.TokenID = id
	p.ledger.append(outcome.By(p.pid, p.ledger.issuer))
	if outcome.IsAnswer() {
		delete(p.ledger.intents, id)
	} else {
		p.takeBack(id)
	}
	return nil
}

// takeBack closes the last intent that this process made.
func (p *Process) takeBack(id secret.Fingerprint) {
	intents := p.ledger.intents
	for at, each := range slices.Backward(intents[id]) {
		if each.holder == p {
			intents[id] = slices.Delete(intents[id], at, at+1)
			return
		}
	}
}

// append adds an entry, and drops those that are not needed when there are too many.
func (l *Ledger) append(e persist.Entry) {
	l.entries = append(l.entries, e)
	l.history = journal.Replay(l.history, slices.Values([]persist.Entry{e}), l.issuer.EndpointID())
	if len(l.entries) <= entriesLimit {
		return
	}
	open := map[secret.Fingerprint]bool{}
	for id, intents := range l.intents {
		open[id] = len(intents) > 0
	}
	var kept []persist.Entry
	for i, retained := range journal.Retain(l.entries, open) {
		if retained {
			kept = append(kept, l.entries[i])
		}
	}
	l.entries = kept
}

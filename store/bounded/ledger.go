package bounded

import (
	"context"
	"time"

	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/machine/secret"
)

// Ledger is a [persist.Ledger] whose calls end when their context does, as those of
// [Store].
type Ledger struct {
	of            persist.Ledger
	reads, writes *Gate
}

// NewLedger is the ledger of, bounded.
func NewLedger(of persist.Ledger) *Ledger {
	return &Ledger{of: of, reads: newGate(), writes: newGate()}
}

// Unwrap is the ledger that is bounded, for what it can do besides.
func (l *Ledger) Unwrap() persist.Ledger { return l.of }

// History implements [persist.Ledger].
func (l *Ledger) History(ctx context.Context) (history.TokenHistory, error) {
	return read(ctx, l.reads, l.of.History)
}

// Probe implements [persist.Prober], as [Store.Probe] does.
func (l *Ledger) Probe(ctx context.Context) error {
	prober, ok := l.of.(persist.Prober)
	if !ok {
		return nil
	}
	_, err := read(ctx, l.reads, func(ctx context.Context) (struct{}, error) { return struct{}{}, prober.Probe(ctx) })
	return err
}

// Append implements [persist.Ledger].
func (l *Ledger) Append(ctx context.Context, e persist.Entry) error {
	return asNotDurable(write(ctx, l.writes, func(ctx context.Context) error { return l.of.Append(ctx, e) }, nil))
}

// Doubt implements [persist.Ledger].
func (l *Ledger) Doubt(ctx context.Context, id secret.Fingerprint) (history.Doubt, error) {
	return read(ctx, l.reads, func(ctx context.Context) (history.Doubt, error) { return l.of.Doubt(ctx, id) })
}

// PeekDoubt implements [persist.Ledger].
func (l *Ledger) PeekDoubt(ctx context.Context, id secret.Fingerprint) (history.Doubt, error) {
	return read(ctx, l.reads, func(ctx context.Context) (history.Doubt, error) { return l.of.PeekDoubt(ctx, id) })
}

// takeBackLimit is how long an intent is tried to be taken back.
const takeBackLimit = 10 * time.Second

// Intend implements [persist.Ledger]. An intent that is made when its caller has gone is
// taken back: nothing will be posted on it.
func (l *Ledger) Intend(ctx context.Context, intent persist.Entry, doubt history.Doubt) error {
	return asNotDurable(write(ctx, l.writes,
		func(ctx context.Context) error { return l.of.Intend(ctx, intent, doubt) },
		func() {
			ctx, cancel := context.WithTimeout(context.Background(), takeBackLimit)
			defer cancel()
			intent.Kind = persist.Deferred
			_ = l.Conclude(ctx, intent.TokenID, intent) // an intent that stays raises a doubt, no more
		}))
}

// Conclude implements [persist.Ledger].
func (l *Ledger) Conclude(ctx context.Context, id secret.Fingerprint, outcome persist.Entry) error {
	return asNotDurable(write(ctx, l.writes, func(ctx context.Context) error { return l.of.Conclude(ctx, id, outcome) }, nil))
}

// asNotDurable is err, but a ledger has no UnknownError: its entry may be lost.
func asNotDurable(err error) error {
	if unknown, ok := err.(*persist.UnknownError); ok {
		return &persist.NotDurableError{Err: unknown.Err}
	}
	return err
}

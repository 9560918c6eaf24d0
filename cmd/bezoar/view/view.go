package view

import (
	"context"
	"log/slog"
	"time"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/cli"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/config"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/session"
	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/engine"
	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/store/fallback"
)

// View is what can be seen of a home's login by looking: nobody is asked, nothing
// is locked and nothing is written.
type View struct {
	Config  config.Config
	At      time.Time
	State   machine.Snapshot // as an engine would find it, before it asks the issuer
	History history.TokenHistory
	entries []persist.Entry // of the ledger, the oldest first

	noHome        bool  // there is no home yet
	inMemory      bool  // logins are kept in the memory of other processes
	forbidden     bool  // what is stored may not be used here
	StoreProblem  error // why nobody can tell what is stored, or that it is no login
	ledgerProblem error // why nobody can tell what the ledger knows
}

// LookLimit is for a disk that hangs, or a keyring that waits for a person.
const LookLimit = 2 * time.Second

// Open looks at a home.
func Open(env cli.Environment, settings config.Flags) (View, error) {
	c, noHome, err := session.Peek(settings, env.Getenv)
	if err != nil {
		return View{}, err
	}
	v := View{Config: c, At: env.Now().Round(0), noHome: noHome, inMemory: c.CredentialStore == config.Ephemeral}
	session.Warn(env, c)
	if noHome || v.inMemory {
		v.State = machine.New(session.PolicyOf(c)).Snapshot()
		return v, nil
	}
	v.Look(session.NewLog(env, c, max(c.LogLevel, slog.LevelError)))
	return v, nil
}

func (v *View) Look(log *slog.Logger) {
	ctx, cancel := context.WithTimeout(context.Background(), LookLimit)
	defer cancel()
	ledger := session.LedgerAt(v.Config, log, func() time.Time { return v.At })
	v.LookAt(ctx, session.StoreOf(v.Config, fallback.Options{Log: log, Look: true}), ledger, log)
}

// LookAt is a look through a store that settles nothing, and its ledger.
func (v *View) LookAt(ctx context.Context, login persist.Store, ledger persist.Ledger, log *slog.Logger) {
	seen := engine.Peek(ctx, engine.Options{
		Policy: session.PolicyOf(v.Config), Store: login, Ledger: ledger,
		Log: log, Now: func() time.Time { return v.At },
	})
	v.State, v.History, v.forbidden = seen.Snapshot, seen.History, seen.IsForbidden
	v.StoreProblem, v.ledgerProblem = seen.StoreProblem, seen.LedgerProblem
	v.entries, _ = EntriesOf(ledger) // the lineage has the same problem and reports it
}

// entriesKept is more than any story tells of.
const entriesKept = 512

// audited is a ledger that can tell its entries.
type audited interface {
	Newest(n int) ([]persist.Entry, error)
}

// AuditOf is the ledger as one that can tell its entries, also behind a bound.
func AuditOf(ledger persist.Ledger) (trail audited, ok bool) {
	if behind, ok := ledger.(interface{ Unwrap() persist.Ledger }); ok {
		ledger = behind.Unwrap()
	}
	trail, ok = ledger.(audited)
	return trail, ok
}

// EntriesOf are the newest entries of a ledger, none if it cannot tell them.
func EntriesOf(ledger persist.Ledger) ([]persist.Entry, error) {
	trail, ok := AuditOf(ledger)
	if !ok {
		return nil, nil
	}
	return trail.Newest(entriesKept)
}

// last is the last entry of one of the kinds that is about the refresh token
// in use, or about any login if it has none.
func (v *View) last(kinds ...persist.Kind) (persist.Entry, bool) {
	key := v.tokenID()
	for i := len(v.entries) - 1; i >= 0; i-- {
		e := v.entries[i]
		for _, kind := range kinds {
			if e.Kind == kind && (e.TokenID == key || key == "") {
				return e, true
			}
		}
	}
	return persist.Entry{}, false
}

// key names the refresh token in use, "" for none.
func (v *View) tokenID() secret.Fingerprint {
	return v.State.TokenID()
}

// since is when the present state began, zero if nobody knows.
func (v *View) since() time.Time {
	switch v.State.Phase() {
	case machine.Poisoned:
		verdict, _ := v.State.Verdict()
		if e, ok := v.last(persist.Intended); ok && verdict.Reason == history.ReasonInDoubt {
			return e.At // the verdict may be this look's own
		}
		return verdict.At
	case machine.Stale:
		issued := v.State.LastRefresh()
		if issued.After(v.State.DueAt()) { // it lives for less than the time that it is due before its end
			return issued
		}
		return v.State.DueAt()
	case machine.Fresh:
		return v.State.LastRefresh()
	case machine.ApiKey:
		if e, ok := v.last(persist.Login); ok && e.Access == v.State.Access() {
			return e.At
		}
	case machine.NoAuth:
		if e, ok := v.last(persist.Logout); ok && v.History.LoggedOut && v.StoreProblem == nil && !v.forbidden {
			return e.At
		}
	}
	return time.Time{}
}

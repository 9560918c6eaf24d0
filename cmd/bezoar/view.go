package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/config"
	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/engine"
	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/store/fallback"
)

// view is what can be seen of a home's login by looking: nobody is asked, nothing
// is locked and nothing is written.
type view struct {
	config  config.Config
	at      time.Time
	state   machine.State // as an engine would find it, before it asks the issuer
	lineage history.TokenHistory
	entries []persist.Entry // of the ledger, the oldest first

	isHomeless   bool  // there is no home yet
	isElsewhere  bool  // logins are kept in the memory of other processes
	isForbidden  bool  // what is stored may not be used here
	storeProblem error // why nobody can tell what is stored, or that it is no login
	trailProblem error // why nobody can tell what the ledger knows
}

// lookLimit is for a disk that hangs, or a keyring that waits for a person.
const lookLimit = 2 * time.Second

// openView looks at a home.
func openView(env environment, settings config.Flags) (view, error) {
	c, isHomeless, err := peek(settings, env.getenv)
	if err != nil {
		return view{}, err
	}
	v := view{config: c, at: env.now().Round(0), isHomeless: isHomeless, isElsewhere: c.CredentialStore == config.Ephemeral}
	warn(env, c)
	if isHomeless || v.isElsewhere {
		v.state = machine.New(policyOf(c))
		return v, nil
	}
	v.look(newLog(env, c, max(c.LogLevel, slog.LevelError)))
	return v, nil
}

func (v *view) look(log *slog.Logger) {
	ctx, cancel := context.WithTimeout(context.Background(), lookLimit)
	defer cancel()
	ledger := ledgerAt(v.config, log, func() time.Time { return v.at })
	v.lookAt(ctx, storeOf(v.config, fallback.Options{Log: log, Look: true}), ledger, log)
}

// lookAt is a look through a store that settles nothing, and its ledger.
func (v *view) lookAt(ctx context.Context, login persist.Store, ledger persist.Ledger, log *slog.Logger) {
	seen := engine.Peek(ctx, engine.Options{
		Policy: policyOf(v.config), Store: login, Ledger: ledger,
		Log: log, Now: func() time.Time { return v.at },
	})
	v.state, v.lineage, v.isForbidden = seen.State, seen.History, seen.IsForbidden
	v.storeProblem, v.trailProblem = seen.StoreProblem, seen.LedgerProblem
	v.entries, _ = entriesOf(ledger) // the lineage has the same problem and reports it
}

// entriesKept is more than any story tells of.
const entriesKept = 512

// audited is a ledger that can tell its entries.
type audited interface {
	Newest(n int) ([]persist.Entry, error)
}

// auditOf is the ledger as one that can tell its entries, also behind a bound.
func auditOf(ledger persist.Ledger) (trail audited, ok bool) {
	if behind, ok := ledger.(interface{ Unwrap() persist.Ledger }); ok {
		ledger = behind.Unwrap()
	}
	trail, ok = ledger.(audited)
	return trail, ok
}

// entriesOf are the newest entries of a ledger, none if it cannot tell them.
func entriesOf(ledger persist.Ledger) ([]persist.Entry, error) {
	trail, ok := auditOf(ledger)
	if !ok {
		return nil, nil
	}
	return trail.Newest(entriesKept)
}

// last is the last entry of one of the kinds that is about the refresh token
// in use, or about any login if it has none.
func (v *view) last(kinds ...persist.Kind) (persist.Entry, bool) {
	key := v.key()
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
func (v *view) key() secret.Fingerprint {
	return v.state.Policy.TokenID(v.state.Credential)
}

// since is when the present state began, zero if nobody knows.
func (v *view) since() time.Time {
	switch v.state.Phase {
	case machine.Poisoned:
		verdict, _ := v.state.Verdict()
		if e, ok := v.last(persist.Intended); ok && verdict.Reason == history.ReasonInDoubt {
			return e.At // the verdict may be this look's own
		}
		return verdict.At
	case machine.Stale:
		issued := v.state.Credential.LastRefresh
		if issued.After(v.state.DueAt) { // it lives for less than the time that it is due before its end
			return issued
		}
		return v.state.DueAt
	case machine.Fresh:
		return v.state.Credential.LastRefresh
	case machine.ApiKey:
		if e, ok := v.last(persist.Login); ok && e.Access == v.state.Credential.Fingerprint() {
			return e.At
		}
	case machine.NoAuth:
		if e, ok := v.last(persist.Logout); ok && v.lineage.LoggedOut && v.storeProblem == nil && !v.isForbidden {
			return e.At
		}
	}
	return time.Time{}
}

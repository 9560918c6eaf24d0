// Package view reports on the login of a home without changing it: the state in one line
// and as JSON, the story behind it, its likely causes, and the next step.
package view

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/cli"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/config"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/session"
	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/engine"
	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/store/fallback"
)

// View is the login of a home as one look finds it. The look reads only: it asks no
// issuer, locks nothing and writes nothing.
type View struct {
	Config  config.Config
	At      time.Time
	State   machine.Snapshot // as an engine would find it, before it asks the issuer
	History history.TokenHistory
	entries []persist.Entry // of the ledger, the oldest first

	noHome        bool   // the home is not there yet
	inMemory      bool   // logins are kept in the memory of each process
	publishedFrom string // the home that a login without a refresh token is published from, "" for none
	forbidden     bool   // a restriction forbids the stored login
	StoreProblem  error  // why the store cannot be read, or that it holds no login
	ledgerProblem error  // why the ledger cannot be read
}

// LookLimit bounds a look: a disk may hang, and a keyring may wait for the user.
const LookLimit = 2 * time.Second

// Open looks at a home.
func Open(env cli.Environment, settings config.Flags) (View, error) {
	c, noHome, err := session.Peek(settings, env.Getenv)
	if err != nil {
		return View{}, err
	}
	session.Warn(env, c)
	if noHome {
		return View{Config: c, At: env.Now().Round(0), noHome: true, State: machine.New(session.PolicyOf(c)).Snapshot()}, nil
	}
	return Of(env, c), nil
}

// Of looks at the home of a configuration.
func Of(env cli.Environment, c config.Config) View {
	v := View{Config: c, At: env.Now().Round(0), inMemory: c.CredentialStore == config.Ephemeral}
	if v.inMemory {
		v.State = machine.New(session.PolicyOf(c)).Snapshot()
		return v
	}
	v.Look(session.NewLog(env, c, max(c.LogLevel, slog.LevelError)))
	return v
}

// Look looks at the home and fills in the view.
func (v *View) Look(log *slog.Logger) {
	ctx, cancel := context.WithTimeout(context.Background(), LookLimit)
	defer cancel()
	ledger := session.LedgerAt(v.Config, log, func() time.Time { return v.At })
	v.LookAt(ctx, session.StoreOf(v.Config, fallback.Options{Log: log, Look: true}), ledger, log)
}

// LookAt is Look with a store that changes nothing when it is read, and its ledger.
func (v *View) LookAt(ctx context.Context, login persist.Store, ledger persist.Ledger, log *slog.Logger) {
	seen := engine.Peek(ctx, engine.Options{
		Policy: session.PolicyOf(v.Config), Store: login, Ledger: ledger,
		Log: log, Now: func() time.Time { return v.At },
	})
	v.State, v.History, v.forbidden = seen.Snapshot, seen.History, seen.IsForbidden
	v.StoreProblem, v.ledgerProblem = seen.StoreProblem, seen.LedgerProblem
	v.publishedFrom = publishedFrom(v.Config.Home, v.State)
	entries, _ := EntriesOf(ledger) // the same problem is in LedgerProblem
	v.entries = withoutFailedLogouts(entries)
}

// entriesKept is more than any story needs.
const entriesKept = 512

// audited is a ledger whose entries can be read.
type audited interface {
	Newest(n int) ([]persist.Entry, error)
}

// AuditOf is the ledger as one whose entries can be read, also behind a time bound. ok
// is false if they cannot.
func AuditOf(ledger persist.Ledger) (trail audited, ok bool) {
	if behind, ok := ledger.(interface{ Unwrap() persist.Ledger }); ok {
		ledger = behind.Unwrap()
	}
	trail, ok = ledger.(audited)
	return trail, ok
}

// EntriesOf are the newest entries of a ledger, none if they cannot be read.
func EntriesOf(ledger persist.Ledger) ([]persist.Entry, error) {
	trail, ok := AuditOf(ledger)
	if !ok {
		return nil, nil
	}
	return trail.Newest(entriesKept)
}

// last is the last entry of one of the kinds about the refresh token in use, or about
// any login if there is no refresh token.
func (v *View) last(kinds ...persist.Kind) (persist.Entry, bool) {
	id := v.State.TokenID()
	for _, e := range slices.Backward(v.entries) {
		if slices.Contains(kinds, e.Kind) && (e.TokenID == id || id == "") {
			return e, true
		}
	}
	return persist.Entry{}, false
}

// since is when the present state began, zero if that is not known.
func (v *View) since() time.Time {
	switch v.State.Phase() {
	case machine.Poisoned:
		return v.poisonedSince()
	case machine.Stale:
		issued := v.State.LastRefresh()
		if issued.After(v.State.DueAt()) { // its lifetime is shorter than the margin before its expiry
			return issued
		}
		return v.State.DueAt()
	case machine.Fresh:
		return v.State.LastRefresh()
	case machine.ApiKey:
		return v.keySince()
	}
	return v.loggedOutSince()
}

func (v *View) poisonedSince() time.Time {
	verdict, _ := v.State.Verdict()
	if e, ok := v.last(persist.Intended); ok && verdict.Reason == history.ReasonInDoubt {
		return e.At // this look itself may have made the verdict
	}
	return verdict.At
}

func (v *View) keySince() time.Time {
	if e, ok := v.last(persist.Login); ok && e.Access == v.State.Access() {
		return e.At
	}
	return time.Time{}
}

func (v *View) loggedOutSince() time.Time {
	if e, ok := v.last(persist.Logout); ok && v.History.LoggedOut && v.StoreProblem == nil && !v.forbidden {
		return e.At
	}
	return time.Time{}
}

package main

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"time"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/config"
	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/store"
	"github.com/bezoar-auth/bezoar/store/auto"
)

// view is what can be seen of a home's login by looking: nobody is asked, nothing
// is locked and nothing is written.
type view struct {
	config  config.Config
	at      time.Time
	state   machine.State // as an engine would find it, before it asks anybody
	lineage machine.Lineage
	entries []store.Entry // of the ledger, the oldest first

	isHomeless   bool  // there is no home yet
	isElsewhere  bool  // logins are kept in the memory of other processes
	isForbidden  bool  // what is stored may not be used here
	storeProblem error // why nobody can tell what is stored, or that it is no login
	trailProblem error // why nobody can tell what the ledger knows
}

// lookLimit is for a disk that hangs, or a keyring that waits for a person.
const lookLimit = 2 * time.Second

// peek is the configuration of a home for those who only look: the one that
// nobody chose is not made.
func peek(settings config.Flags, getenv func(string) string) (c config.Config, isHomeless bool, err error) {
	c, err = config.Load(settings, getenv)
	missing, ok := errors.AsType[*config.HomeError](err)
	if !ok {
		return c, false, err
	}
	if missing.Source == config.DefaultHome && errors.Is(err, fs.ErrNotExist) {
		if setting, ok := errors.AsType[*config.SettingError](err); ok {
			return c, false, setting
		}
		return config.Config{Home: missing.Path}, true, nil
	}
	return c, false, &exit{exitOperator, err}
}

// openView looks at a home.
func openView(env environment, settings config.Flags) (view, error) {
	c, isHomeless, err := peek(settings, env.getenv)
	if err != nil {
		return view{}, err
	}
	v := view{config: c, at: env.now().Round(0), isHomeless: isHomeless, isElsewhere: c.CredentialStore == config.Ephemeral}
	warn(env, c)
	if isHomeless || v.isElsewhere {
		return v, nil
	}
	v.look(newLog(env, c, max(c.LogLevel, slog.LevelError)))
	return v, nil
}

func (v *view) look(log *slog.Logger) {
	ctx, cancel := context.WithTimeout(context.Background(), lookLimit)
	defer cancel()
	ledger := ledgerOf(v.config, log)
	v.state = machine.New(policyOf(v.config))
	v.lineage, v.trailProblem = ledger.Lineage(ctx)
	v.entries = entriesOf(ctx, ledger)
	record, err := storeOf(v.config, auto.Options{Log: log, Look: true}).Load(ctx)
	if err == nil {
		v.load(record.Credential)
		return
	}
	if !errors.Is(err, store.ErrNotFound) {
		v.storeProblem = err
	}
}

// entriesOf are the entries of a ledger, if it can tell them.
func entriesOf(ctx context.Context, ledger store.Ledger) []store.Entry {
	trail, ok := ledger.(interface {
		Entries(context.Context) ([]store.Entry, error)
	})
	if !ok {
		return nil
	}
	entries, _ := trail.Entries(ctx) // the lineage has the same problem and reports it
	return entries
}

// load takes the stored credential as an engine does at its start. Then it asks
// the machine what a refresh would do before its post, if one is due.
func (v *view) load(c machine.Credential) {
	at := machine.At{Time: v.at}
	v.isForbidden = !v.state.Policy.Restriction.Admits(c)
	key := v.state.Policy.KeyOf(c)
	v.step(machine.CredentialLoaded{
		At: at, Credential: c, Verdict: v.lineage.VerdictOn(key), RefreshedAt: v.lineage.RefreshedAt(key),
	})
	if v.state.Label != machine.Stale {
		return
	}
	found := v.state
	v.step(machine.Asked{At: at, Ask: machine.Ask{Token: true}})
	outcome := v.state.Reconsider(machine.Stored{Credential: &c, Lineage: v.lineage, Doubt: v.doubt(key)}, v.at)
	if outcome == nil {
		v.state = found // it would be posted, and that is all that is known
		return
	}
	v.step(outcome)
}

// step panics on an event that has no row: it was made here, out of nothing
// that anybody else said.
func (v *view) step(event machine.Event) {
	next, _, err := machine.Step(v.state, event)
	if err != nil {
		panic(err)
	}
	v.state = next
}

// postMargin is how much longer than its deadline a post is taken to run.
const postMargin = 5 * time.Second

// doubt tells of the posts of a refresh token that the journal has no outcome
// of. A ledger's own Doubt knows more, but clears up what it finds.
func (v *view) doubt(key secret.Fingerprint) machine.Doubt {
	var doubt machine.Doubt
	for _, e := range v.entries {
		switch {
		case e.Key != key:
		case e.Kind == store.Intended:
			doubt.Since = e.At
			doubt.Times++
		case e.Kind == store.Deferred:
			doubt.Times = max(0, doubt.Times-1) // its own intent is taken back
		case e.Kind == store.Rotated, e.Kind == store.Refused:
			doubt = machine.Doubt{}
		}
	}
	doubt.HolderGone = v.at.Sub(doubt.Since).Abs() > v.config.RefreshDeadline+postMargin
	return doubt
}

// last is the last entry of one of the kinds that is about the refresh token
// in use, or about any login if it has none.
func (v *view) last(kinds ...store.Kind) (store.Entry, bool) {
	key := v.key()
	for i := len(v.entries) - 1; i >= 0; i-- {
		e := v.entries[i]
		for _, kind := range kinds {
			if e.Kind == kind && (e.Key == key || key == "") {
				return e, true
			}
		}
	}
	return store.Entry{}, false
}

// key names the refresh token in use, "" for none.
func (v *view) key() secret.Fingerprint {
	return v.state.Policy.KeyOf(v.state.Credential)
}

// since is when the present state began, zero if nobody knows.
func (v *view) since() time.Time {
	switch v.state.Label {
	case machine.Poisoned:
		verdict, _ := v.state.Verdict()
		if e, ok := v.last(store.Intended); ok && verdict.Reason == machine.ReasonInDoubt {
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
		if e, ok := v.last(store.Login); ok && e.Access == v.state.Credential.Fingerprint() {
			return e.At
		}
	case machine.NoAuth:
		if e, ok := v.last(store.Logout); ok && v.lineage.LoggedOut && v.storeProblem == nil && !v.isForbidden {
			return e.At
		}
	}
	return time.Time{}
}

// warn tells of what is wrong with config.toml.
func warn(env environment, c config.Config) {
	for _, each := range c.Warnings {
		logLine(env, each.Summary+". "+each.Details)
	}
}

package engine

import (
	"context"
	"errors"
	"time"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/store"
)

// sighting is the store's mark at the last look. While it does not change,
// there is nothing new to read.
type sighting struct {
	stamp store.Stamp
	known bool
}

// Look reads what the store holds, unless it is what was read the last time,
// and tells the machine.
func (o *Owner) Look() {
	ctx, cancel := context.WithTimeout(context.Background(), storeLimit)
	defer cancel()
	stamp, known := o.Store.Stamp(ctx)
	if now := (sighting{stamp, known}); known && now == o.seen {
		return
	}
	event, err := o.read(ctx)
	if err == nil {
		o.seen = sighting{stamp, known}
	}
	o.step(event)
}

// read is a look at the store and at what its ledger knows of the login. The
// error says that nobody could tell, so that the next look reads again.
func (o *Owner) read(ctx context.Context) (machine.Event, error) {
	record, err := o.Store.Load(ctx)
	lineage := o.lineage(ctx)
	switch unreadable := new(store.UnreadableError); {
	case err == nil:
		return o.loaded(record.Credential, lineage), nil
	case errors.Is(err, store.ErrNotFound) && lineage.LoggedOut:
		return machine.LoggedOut{At: o.at()}, nil
	case errors.Is(err, store.ErrNotFound):
		return machine.NothingLoaded{At: o.at()}, nil
	case errors.As(err, &unreadable):
		o.Log.Warn("nobody is logged in here", "error", err)
		return machine.NothingLoaded{At: o.at()}, nil
	}
	o.Log.Warn("the store could not be read", "error", err)
	return machine.NothingLoaded{At: o.at()}, err
}

func (o *Options) loaded(c machine.Credential, lineage machine.Lineage) machine.CredentialLoaded {
	key := o.keyOf(c)
	return machine.CredentialLoaded{
		At: o.at(), Credential: c,
		Verdict: lineage.VerdictOn(key), RefreshedAt: lineage.RefreshedAt(key),
	}
}

// lineage is what the ledger knows; a ledger that cannot be read knows nothing.
func (o *Options) lineage(ctx context.Context) machine.Lineage {
	lineage, err := o.Ledger.Lineage(ctx)
	if err != nil {
		o.Log.Warn("the ledger could not be read", "error", err)
	}
	return lineage
}

// note appends an entry that nothing waits for.
func (o *Options) note(ctx context.Context, entry store.Entry) {
	entry.At, entry.PID = o.at().Time, o.ProcessID
	if err := o.Ledger.Append(ctx, entry); err != nil {
		o.Log.Warn("the ledger could not be written", "kind", entry.Kind, "error", err)
	}
}

func (o *Options) keyOf(c machine.Credential) secret.Fingerprint {
	return o.Policy.Issuer.Key(c.RefreshToken)
}

// fingerprintOf names a login in logs: by what it hands out.
func fingerprintOf(c machine.Credential) secret.Fingerprint {
	if c.Method == machine.MethodAPIKey {
		return c.APIKey.Fingerprint()
	}
	return c.AccessToken.Fingerprint()
}

// saveRetry is how long an unsaved credential waits for the next try.
const saveRetry = 2 * time.Second

// saving tries to put the unsaved credential where its predecessor still is.
func (o *Owner) saving() machine.Event {
	ctx, cancel := context.WithTimeout(context.Background(), storeLimit)
	defer cancel()
	failed := machine.SaveFailed{At: o.at()}
	failed.NotBefore = failed.Time.Add(saveRetry)
	record, err := o.Store.Load(ctx)
	if err != nil {
		return failed
	}
	if !record.Credential.Equal(*o.state.Base) {
		displaced := o.loaded(record.Credential, o.lineage(ctx))
		displaced.Displaced = true
		return displaced
	}
	if err := o.Store.Swap(ctx, record.Revision, o.state.Credential); err != nil {
		o.Log.Warn("the refreshed login is still not stored", "error", err)
		return failed
	}
	o.seen = sighting{}
	return machine.Saved{At: o.at()}
}

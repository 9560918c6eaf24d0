package owner

import (
	"context"
	"errors"
	"time"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/evidence"
	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/machine/secret"
)

// look is the last look: the store's mark of what was there, and when. While the
// mark does not change there is nothing new to read. Where there is none (a keyring,
// a failing disk) a look is good for a moment, so that polls cost one and not each.
type look struct {
	stamp  persist.Stamp
	known  bool
	isRead bool // the store could tell; else it may be readable without a change
	at     time.Time

	// It found a login that was not taken up. The ledger may be about to say that a user
	// made it, which does not change the store's mark.
	isOther bool
}

// lookAge is how long a look is good where the store has no mark.
const lookAge = time.Second

// holds reports whether a look with this mark can find nothing new.
func (s look) holds(stamp persist.Stamp, known bool, now time.Time) bool {
	if s.at.IsZero() || s.known != known || s.stamp != stamp || s.isOther && known {
		return false
	}
	age := now.Sub(s.at)
	return known && s.isRead || age >= 0 && age < lookAge
}

// Look reads what the store holds, unless it is what was read the last time,
// and tells the machine.
func (o *Owner) Look() {
	ctx, cancel := context.WithTimeout(context.Background(), storeLimit)
	defer cancel()
	stamp, known := o.Store.Stamp(ctx)
	if o.lastLook.holds(stamp, known, o.Now()) {
		return
	}
	past := o.tokenHistoryWithin(ctx, storeLimit*3/4) // a ledger that is slow to read hides no login
	record, err := o.Store.Load(ctx)
	event := o.found(ctx, &o.state, past, record, err)
	if errors.Is(err, persist.ErrNotFound) && follows(&o.state, o.isGiven) {
		event = machine.LoggedOut{At: o.at()} // its publisher has taken it away
	}
	o.tellProblem(err)
	_, unreadable := errors.AsType[*persist.UnreadableError](err)
	isRead := err == nil || errors.Is(err, persist.ErrNotFound) || unreadable
	o.lastLook = look{stamp: stamp, known: known, isRead: isRead, at: o.Now()}
	before := o.state.Credential
	o.step(event)
	if follows(&o.state, o.isGiven) && !record.Credential.Equal(o.state.Credential) {
		o.lastLook.isRead = false // it was not taken up, and will be when the login in use is over
	}
	if _, loaded := event.(machine.CredentialLoaded); loaded {
		isInUse := o.state.Phase != machine.NoAuth && o.state.Phase != machine.Poisoned
		o.lastLook.isOther = isInUse && !record.Credential.Equal(o.state.Credential)
	}
	o.share()
	if o.hasLooked || past.LoggedOut || !record.Credential.OriginIsIn(past) { // what is there at the start is no news, unless the ledger thinks otherwise
		o.noteAdopted(ctx, event, before)
	}
	o.hasLooked = true
}

// TryLook is the snapshot if LookBetween would find nothing new. Any goroutine may call it.
func (o *Owner) TryLook() (snapshot machine.Snapshot, isCurrent bool) {
	held := o.published.Load()
	return held.snapshot, !mayLook(&held.state, held.isGiven) || o.isCurrent(held)
}

// LookBetween is Look, unless the login is none of the store's, or a refresh is in flight:
// that looks under the lock, and what it has just stored is not another program's.
func (o *Owner) LookBetween() {
	if mayLook(&o.state, o.isGiven) {
		o.Look()
	}
}

func mayLook(s *machine.State, isGiven bool) bool {
	isOfClient := s.Credential.Method == machine.MethodExternal && isGiven
	return !isOfClient && (s.Attempt == 0 || s.Overdue)
}

// follows reports whether the tokens are external and another program publishes them in
// the store: each ask looks whether there are newer ones, and they end with their record.
// No client is asked for others.
func follows(s *machine.State, isGiven bool) bool {
	return s.Credential.Method == machine.MethodExternal && !isGiven
}

// followStore looks at the store if the login is published there.
func (o *Owner) followStore() {
	if follows(&o.state, o.isGiven) {
		o.LookBetween()
	}
}

// noteOrigin notes whether the login in use came from a client or from the store.
func (o *Owner) noteOrigin(event machine.Event, before machine.Credential) {
	switch event := event.(type) {
	case machine.LoggedIn:
		o.isGiven = event.Credential.Method == machine.MethodExternal
	case machine.CredentialLoaded:
		if !before.Equal(o.state.Credential) {
			o.isGiven = false
		}
	}
}

// tellProblem writes one line when the store begins to have a problem, and one when
// it has another.
func (o *Owner) tellProblem(err error) {
	problem := ""
	if err != nil && !errors.Is(err, persist.ErrNotFound) {
		problem = err.Error()
	}
	if problem != "" && problem != o.problem {
		o.Log.Warn("no login can be read here", "error", err)
	}
	o.problem = problem
}

// share lets all callers know what was looked at, once the snapshot says what came
// of it.
func (o *Owner) share() {
	seen := o.lastLook
	if !seen.known || !seen.isRead || seen.isOther {
		o.publishedLook.Store(nil)
		return
	}
	o.publishedLook.Store(&seen)
}

// forget makes the next look a look, whatever the stamp, and denies that a
// snapshot which is published from now on was made of what was seen.
func (o *Owner) forget() {
	o.lastLook = look{}
	o.publishedLook.Store(nil)
}

// isCurrent reports whether the store still holds what the snapshot was made of.
// Any goroutine may ask, which saves a poll without a token the way to the owner and
// back.
func (o *Owner) isCurrent(held *published) bool {
	shared := o.publishedLook.Load()
	if shared == nil {
		return false
	}
	ctx, cancel := context.WithTimeout(context.Background(), glanceLimit)
	defer cancel()
	stamp, known := o.Store.Stamp(ctx)
	return known && stamp == shared.stamp && o.published.Load() == held // else it was made of something older
}

// noteAdopted tells the ledger of a login that another program stored, and that is
// in use now: above all, that a logout before it is over. A logout after it is
// not: so it must still be there.
func (o *Owner) noteAdopted(ctx context.Context, event machine.Event, before machine.Credential) {
	loaded, ok := event.(machine.CredentialLoaded)
	if !ok || before.Equal(o.state.Credential) || !loaded.Credential.Equal(o.state.Credential) {
		return
	}
	c := o.state.Credential
	if stored, err := o.Store.Load(ctx); err != nil || !stored.Credential.Equal(c) {
		return
	}
	adopted := persist.Entry{Kind: persist.Adopted, Method: c.Method, TokenID: o.tokenID(c), Access: c.Fingerprint()}
	adopted.Resumed = o.state.IsEnded(o.tokenHistory(ctx))
	o.note(ctx, adopted.Of(c))
	o.endIfGone(ctx, c)
}

// found is the event for what a store holds, or for the error that it gave, in the
// light of what its ledger knows.
func (o *Options) found(ctx context.Context, s *machine.State, known history.TokenHistory, record persist.Record, err error) machine.Event {
	at := o.at()
	ended := s.IsEnded(known)
	switch unreadable, ok := errors.AsType[*persist.UnreadableError](err); {
	case err == nil && ended && !s.Policy.Admits(record.Credential):
		return machine.LoggedOut{At: at}
	case err == nil:
		loaded := s.Loaded(known, record.Credential, at.Time)
		loaded.InDoubt = loaded.InDoubt || o.isDoubted(ctx, s, record.Credential)
		return loaded
	case errors.Is(err, persist.ErrNotFound) && (known.LoggedOut || ended):
		return machine.LoggedOut{At: at}
	case errors.Is(err, persist.ErrNotFound), ok && !unreadable.BlocksWrites:
		return machine.NothingLoaded{At: at}
	}
	return machine.NothingLoaded{At: at, Blocked: evidence.BlockStoreUnavailable}
}

// isDoubted reports whether a post of the found login, which is not the one in use, has no
// outcome. An engine that has it in use asks before it posts. Where the ledger cannot tell,
// it says so then.
func (o *Options) isDoubted(ctx context.Context, s *machine.State, found machine.Credential) bool {
	id := o.tokenID(found)
	if id == "" || found.Equal(s.Credential) {
		return false
	}
	doubt, err := o.Ledger.PeekDoubt(ctx, id)
	return err == nil && doubt.IsGivenUp()
}

// tokenHistoryWithin is tokenHistory for a caller that waits no longer than limit.
func (o *Options) tokenHistoryWithin(ctx context.Context, limit time.Duration) history.TokenHistory {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return o.tokenHistory(ctx)
}

// tokenHistory is what the ledger knows; a ledger that cannot be read knows nothing.
func (o *Options) tokenHistory(ctx context.Context) history.TokenHistory {
	known, err := o.Ledger.History(ctx)
	if err != nil {
		o.Log.Warn("the ledger could not be read", "error", err)
	}
	return known
}

// note appends an entry that nothing waits for.
func (o *Options) note(ctx context.Context, entry persist.Entry) {
	entry.At, entry.PID = o.at().Time, o.ProcessID
	if err := o.Ledger.Append(ctx, entry); err != nil {
		o.Log.Warn("the ledger could not be written", "kind", entry.Kind, "error", err)
	}
}

func (o *Options) tokenID(c machine.Credential) secret.Fingerprint {
	return o.Policy.TokenID(c)
}

// saveRetry is how long an unsaved credential waits for the next try.
const saveRetry = 2 * time.Second

// saving tries to put the unsaved credential where its predecessor still is.
func (o *Owner) saving() machine.Event {
	ctx, cancel := context.WithTimeout(context.Background(), storeLimit)
	defer cancel()
	failed := machine.SaveFailed{At: o.at()}
	failed.NotBefore = failed.Time.Add(saveRetry)
	known := o.tokenHistory(ctx) // before the store is, see reread
	record, err := o.Store.Load(ctx)
	if err != nil {
		return failed
	}
	if record.Credential.Equal(o.state.Credential) {
		return o.saved(ctx) // a write that was given up has taken place
	}
	if !record.Credential.Equal(*o.state.Base) {
		displaced := o.state.Loaded(known, record.Credential, o.at().Time)
		displaced.Displaced = true
		return displaced
	}
	if err := o.Store.Swap(ctx, record.Revision, o.state.Credential); err != nil {
		o.Log.Warn("the refreshed login is still not stored", "error", err)
		return failed
	}
	return o.saved(ctx)
}

// saved is the end of a save. Its entry lets other processes know that the new tokens
// are no longer in the memory of this one alone.
func (o *Owner) saved(ctx context.Context) machine.Event {
	o.forget()
	c := o.state.Credential
	o.note(ctx, persist.Entry{Kind: persist.Saved, Method: c.Method, TokenID: o.tokenID(c), Access: c.Fingerprint()})
	return machine.Saved{At: o.at()}
}

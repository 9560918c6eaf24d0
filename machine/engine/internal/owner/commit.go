package owner

import (
	"context"
	"errors"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/endpoint"
	"github.com/bezoar-auth/bezoar/machine/evidence"
	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/machine/persist"
)

// save turns the issuer's answer into the outcome, and into what is stored.
func (t *transaction) save(ctx context.Context) {
	ctx, cancel := detached(ctx, detachedLimit)
	defer cancel()
	t.entry.At = t.at().Time
	switch answer := t.answer.(type) {
	case endpoint.Issued:
		t.granted(ctx, answer.Response)
	case endpoint.Refused:
		t.entry.Repeated = answer.Evidence.After(t.state.Evidence, t.tokenHistory(ctx).Deferral.Evidence)
		t.refused(ctx, answer.Reason)
	case endpoint.Unavailable:
		t.deferred(ctx, answer)
	case endpoint.Misconfigured:
		t.misconfigured(ctx, answer)
	case endpoint.LoginNeeded:
		t.objected(ctx, evidence.BlockLoginNeeded, answer.Evidence)
	}
}

// granted saves the new token set in place of the one that was read. Whatever
// else happens it is not lost: if the disk fails it is served from memory.
func (t *transaction) granted(ctx context.Context, grant endpoint.TokenResponse) {
	at := t.at()
	t.next = t.state.Credential.Merge(grant, at.Time)
	t.entry.Kind = persist.Rotated
	success := machine.RefreshSucceeded{At: at, Attempt: t.state.Attempt, SentAt: t.entry.SentAt, Credential: t.next}
	if err := t.swap(ctx); err != nil {
		if t.outcome = t.displaced(ctx, &t.next); t.outcome != nil {
			return
		}
		t.Log.Error("the new tokens are not stored yet; they are kept in memory", "error", err)
		success.Base, t.entry.Unsaved = &t.stored.Credential, true
	}
	t.entry = t.entry.WithExpiry(t.next)
	t.entry.NextID = t.tokenID(t.next)
	t.outcome = success
}

// swap writes the new token set. A record that says the same in other bytes is
// not another login, so it is replaced too; three times, for a program that reformats
// the file has to stop some time.
func (t *transaction) swap(ctx context.Context) error {
	for tries := 3; ; tries-- {
		err := t.Store.Swap(ctx, t.stored.Revision, t.next)
		if tries == 1 || !errors.Is(err, persist.ErrConflict) {
			return err
		}
		found, loadErr := t.Store.Load(ctx)
		if loadErr != nil || !t.isOurs(ctx, found.Credential) {
			return err
		}
		t.stored = found
	}
}

// isOurs reports whether a stored credential is the one that was read, or the
// one whose refresh token was posted. They differ if that one was unsaved, and
// then it may have been saved while the issuer was asked. One that may be replaced
// is as good.
func (t *transaction) isOurs(ctx context.Context, stored machine.Credential) bool {
	return stored.Equal(t.stored.Credential) || stored.Equal(t.state.Credential) ||
		t.state.MayReplace(stored, t.tokenHistory(ctx))
}

// refused is a verdict, unless the user logged in anew while the issuer was asked:
// then that login is in use, and the verdict is kept for the old token alone.
func (t *transaction) refused(ctx context.Context, reason history.Reason) {
	at := t.at()
	t.entry.Kind, t.entry.Reason = persist.Refused, reason
	t.entry.InDoubt = t.doubt.IsGivenUp()
	if !reason.IsExplained() {
		t.entry.Failures = t.tokenHistory(ctx).Deferral.After(0, true)
		t.entry.NotBefore = t.Policy.AfterUnexplained(at.Time, t.entry.Failures)
	}
	if t.outcome = t.displaced(ctx, nil); t.outcome != nil {
		return
	}
	t.outcome = machine.RefreshFailedPermanent{At: at, Attempt: t.state.Attempt, Verdict: history.Verdict{
		TokenID: t.entry.TokenID, Access: t.entry.Access, Reason: reason, At: at.Time, InDoubt: t.entry.InDoubt,
	}}
}

// misconfigured is an objection, unless no code says so: a gateway in front of the issuer
// answers 401 as well, so that all processes together try again, seldom.
func (t *transaction) misconfigured(ctx context.Context, answer endpoint.Misconfigured) {
	if !answer.Unexplained {
		t.objected(ctx, evidence.BlockMisconfigured, answer.Evidence)
		return
	}
	at, known := t.at(), t.tokenHistory(ctx).Deferral
	t.entry.Kind, t.entry.Objection = persist.Deferred, evidence.BlockMisconfigured
	t.entry.Reason, t.entry.Failures = history.ReasonUnexplained, known.After(0, true)
	t.entry.NotBefore = t.Policy.AfterUnexplained(at.Time, t.entry.Failures)
	t.entry.Repeated = answer.Evidence.After(t.state.Evidence, known.Evidence)
	t.outcome = machine.RefreshFailedTransient{
		At: at, Attempt: t.state.Attempt, NotBefore: t.entry.NotBefore, Posted: true, Blocked: evidence.BlockMisconfigured,
		Evidence: t.entry.Repeated,
	}
}

// objected is an answer after which no process posts the token again under this profile,
// unless the user logged in anew while the issuer was asked: then that login is in use.
func (t *transaction) objected(ctx context.Context, why evidence.BlockReason, said evidence.Evidence) {
	t.entry.Kind, t.entry.Objection, t.entry.Repeated = persist.Deferred, why, said.After()
	if t.outcome = t.displaced(ctx, nil); t.outcome != nil {
		return
	}
	t.outcome = machine.RefreshObjected{At: t.at(), Attempt: t.state.Attempt, Objection: history.Objection{
		TokenID: t.entry.TokenID, Profile: t.entry.Profile, Why: why, Evidence: said, At: t.entry.At,
	}}
}

func (t *transaction) deferred(ctx context.Context, answer endpoint.Unavailable) {
	at := t.at()
	known := t.tokenHistory(ctx)
	t.entry.Kind, t.entry.Failures = persist.Deferred, known.Deferral.After(t.state.Failures, false)
	t.entry.NotBefore = t.Policy.NextAttempt(at.Time, t.entry.Failures, answer.RetryAfter, t.Random())
	t.entry.Repeated = answer.Evidence.After(t.state.Evidence, known.Deferral.Evidence)
	if answer.Lost {
		t.entry.Lost, t.entry.Losses = true, known.Losses(t.entry.TokenID)+1
	}
	outcome := machine.RefreshFailedTransient{
		At: at, Attempt: t.state.Attempt, NotBefore: t.entry.NotBefore, Posted: true, Blocked: evidence.BlockIssuerUnavailable,
		Evidence: t.entry.Repeated,
	}
	if answer.Lost {
		outcome.Blocked = evidence.BlockInDoubt
	}
	if t.outcome = t.saveRefreshToken(ctx, answer.RefreshTokenOnly, &outcome); t.outcome == nil {
		t.outcome = outcome
	}
}

// saveRefreshToken saves a refresh token that came without a usable access token: the old one
// is spent. It returns the event for a login that was stored meanwhile, else nil.
func (t *transaction) saveRefreshToken(ctx context.Context, grant endpoint.TokenResponse, outcome *machine.RefreshFailedTransient) machine.Event {
	if grant.RefreshToken.IsAbsent() {
		return nil
	}
	t.next = t.state.WithNewRefreshToken(grant, outcome.Time)
	if err := t.swap(ctx); err != nil {
		if displaced := t.displaced(ctx, &t.next); displaced != nil {
			t.entry.Kind = persist.Rotated // and the successor is dropped
			return displaced
		}
		t.Log.Error("the new refresh token is not stored yet; it is kept in memory", "error", err)
		outcome.Base, t.entry.Unsaved = &t.stored.Credential, true
	}
	t.entry.NextID, outcome.Credential = t.tokenID(t.next), &t.next
	return nil
}

// displaced is the event for a login that was stored while the issuer was
// asked, or a logout; nil if the stored login is still ours, or if that
// cannot be found out. dropped is the token set that no login is left for, nil for none.
func (t *transaction) displaced(ctx context.Context, dropped *machine.Credential) machine.Event {
	known := t.tokenHistory(ctx) // before the store is, see reread
	record, err := t.Store.Load(ctx)
	if errors.Is(err, persist.ErrNotFound) && (known.LoggedOut || t.state.IsEnded(known)) {
		return machine.LoggedOut{At: t.at(), Attempt: t.state.Attempt, Dropped: dropped}
	}
	if err != nil {
		return nil
	}
	if t.isOurs(ctx, record.Credential) {
		t.stored = record
		return nil
	}
	event := t.state.Loaded(known, record.Credential, t.at().Time)
	event.Attempt, event.Dropped = t.state.Attempt, dropped
	return event
}

// isStored reports whether the new token set is what the store holds.
func (t *transaction) isStored(ctx context.Context) bool {
	record, err := t.Store.Load(ctx)
	return err == nil && record.Credential.Equal(t.next)
}

// record tells the ledger how the post ended, and closes the intent. A successor
// that a logout has removed meanwhile is not named: another process would take
// that for a new login.
func (t *transaction) record(ctx context.Context) {
	ctx, cancel := detached(ctx, detachedLimit)
	defer cancel()
	if t.tokenHistory(ctx).LoggedOut && !t.isStored(ctx) {
		t.entry.NextID = ""
	}
	if err := t.Ledger.Conclude(ctx, t.entry.TokenID, t.entry); err != nil {
		t.Log.Warn("the outcome of the refresh could not be written to the ledger", "error", err)
	}
	if t.entry.NextID != "" {
		t.endIfGone(ctx, t.next)
	}
}

package machine

import (
	"time"

	"github.com/bezoar-auth/bezoar/machine/endpoint"
	"github.com/bezoar-auth/bezoar/machine/evidence"
	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/machine/secret"
)

// Event is something that happened, named in the past tense. The set is closed.
// Every event carries its time: the machine has no clock.
type Event interface {
	at() time.Time
	// move is what the event leads to. It stands in the file of the event's story and
	// changes nothing.
	move(s State) transition
}

// At is when an event happened; every event embeds it.
type At struct{ Time time.Time }

func (a At) at() time.Time { return a.Time }

// Asked reports that a client asked for its status.
type Asked struct {
	At
	Ask
}

// LoggedIn reports a login through this process. It is already in the store,
// or kept in memory alone if its method is not stored.
type LoggedIn struct {
	At
	Credential Credential
}

// LoggedOut reports a logout, here or, as the ledger says, in another process.
type LoggedOut struct {
	At
	Attempt AttemptID   // the refresh that found out, zero for none
	Removed *Credential // what a logout here took out of the store, perhaps nothing; nil for one elsewhere
	Dropped *Credential // the tokens of that refresh, which no login uses any more; nil for none
}

// TokenRejected reports that a resource server answered 401 to an access token.
type TokenRejected struct {
	At
	Access secret.Fingerprint // of the token that was refused

	// PastFloor says that it is to be believed also in the first seconds of the
	// token's life. Set it at most once in a row, or a resource
	// server that refuses everything costs a refresh each time.
	PastFloor bool
}

// NothingLoaded reports that the store holds no login that can be used:
// nothing, something unreadable, or something that may not be used here.
type NothingLoaded struct {
	At
	Blocked evidence.BlockReason // BlockStoreUnavailable if it is unknown whether there is a login
}

// CredentialLoaded reports what the store holds, when the engine looked: at
// start, on the ask of a poisoned or signed-out client, or within a refresh.
type CredentialLoaded struct {
	At
	Credential  Credential
	Verdict     *history.Verdict   // the store's ledger condemns its refresh token
	RefreshedAt time.Time          // when it came out of a refresh, as the ledger says; zero if unknown
	SentAt      time.Time          // when that refresh was sent to the issuer; zero if unknown
	InUse       *history.Verdict   // the store's ledger condemns the refresh token of the login in use
	InUseEnded  bool               // a logout ended the login in use, as the ledger says
	IsLater     bool               // a user made this login with this program after the one in use was taken up
	LastLogin   history.Login      // the last login that a user made, as the ledger says
	InDoubt     bool               // a post of its refresh token has no outcome, and none will come
	Objection   *history.Objection // stands against a post of its refresh token under this profile; nil for none
	Attempt     AttemptID          // the refresh that found it, zero for none
	Displaced   bool               // it took the place of the unsaved login in use
	Dropped     *Credential        // the tokens of that refresh, which no login uses any more; nil for none
}

// RefreshSucceeded reports that the issuer granted a refresh.
type RefreshSucceeded struct {
	At
	Attempt    AttemptID
	Credential Credential
	SentAt     time.Time   // when the refresh was sent: tokens live from then on, not from the answer on; zero for just now
	Base       *Credential // not nil: it could not be saved, and this is what the store still holds
}

// RefreshFailedTransient reports that a refresh ended without a verdict: the
// issuer was away, or something at home stood in the way of asking it.
type RefreshFailedTransient struct {
	At
	Attempt   AttemptID
	NotBefore time.Time            // when the next attempt may be; zero for at once
	Posted    bool                 // the issuer was asked
	Blocked   evidence.BlockReason // what stood in the way, "" for nothing worth showing
	Evidence  evidence.Repeated    // what the issuer answered, here or to another process; none if it was not asked

	Credential *Credential // the login with a refresh token that came without a usable access token; nil for none
	Base       *Credential // not nil: Credential could not be saved, and this is what the store still holds
}

// RefreshFailedPermanent reports that the refresh token must not be posted again: the
// issuer refused it, now or as the ledger says, or it is in doubt for the second time.
type RefreshFailedPermanent struct {
	At
	Attempt AttemptID
	Verdict history.Verdict
}

// RefreshObjected reports that no refresh will do until something is changed, and that
// the refresh token is none the worse for it: the issuer does not take the request from
// this client, or wants a person. It has just said so, or before, as the ledger says.
type RefreshObjected struct {
	At
	Attempt   AttemptID
	Objection history.Objection
}

// AnswerOverdue reports that the deadline of a post has struck while the refresh is
// still in flight: no caller waits for it any more, and its answer still counts. The
// event that ends the refresh comes later, or at Until at the latest.
type AnswerOverdue struct {
	At
	Attempt AttemptID
	Until   time.Time // when the answer is given up for lost
}

// Saved reports that an unsaved credential is now in the store.
type Saved struct{ At }

// SaveFailed reports that an unsaved credential still is not.
type SaveFailed struct {
	At
	NotBefore time.Time // when the next try may be
}

// Effect is an order to the engine, in the imperative. The set is closed.
//
// Effects are carried out in the order of the slice. Publish comes before
// anything that lets a caller look, callers are answered after the last effect,
// and whatever a credential or verdict had to survive is durable before the
// event that announces it: a login is saved first and then reported, and a
// refresh reports only what its transaction has written down. LookInStore,
// StartRefresh and SaveAgain end in one event each, which comes back through Step.
type Effect interface{ isEffect() }

type order struct{}

func (order) isEffect() {}

// Publish makes the new state the snapshot that every reader sees.
type Publish struct{ order }

// Notify tells subscribers that the login or its health has changed.
type Notify struct {
	order
	Trigger Trigger // what the table calls the event that changed it
}

// LookInStore reads what the store holds. It ends in CredentialLoaded,
// NothingLoaded or LoggedOut.
type LookInStore struct{ order }

// StartRefresh runs one refresh transaction: the only way a refresh token is posted to
// the token endpoint. It ends in one of CredentialLoaded, RefreshSucceeded, RefreshFailedTransient,
// RefreshFailedPermanent, RefreshObjected and LoggedOut, with its Attempt where there is one.
type StartRefresh struct {
	order
	Attempt AttemptID
	Cause   endpoint.Cause
}

// Revoke tells the issuer that a login is not used any more. It ends in nothing:
// no decision depends on the issuer's answer.
type Revoke struct {
	order
	Credential Credential
}

// SaveAgain tries to put an unsaved credential into the store. It ends in
// Saved, SaveFailed, or CredentialLoaded if another login was stored meanwhile.
type SaveAgain struct{ order }

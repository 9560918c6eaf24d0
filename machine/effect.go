package machine

import "github.com/bezoar-auth/bezoar/machine/endpoint"

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

// Publish makes the new state the snapshot that everybody reads.
type Publish struct{ order }

// Notify tells subscribers that the login or its health has changed.
type Notify struct{ order }

// LookInStore reads what the store holds. It ends in CredentialLoaded,
// NothingLoaded or LoggedOut.
type LookInStore struct{ order }

// StartRefresh runs one refresh transaction: the only way to the network. It
// ends in one of CredentialLoaded, RefreshSucceeded, RefreshFailedTransient,
// RefreshFailedPermanent and LoggedOut, with its Attempt where there is one.
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

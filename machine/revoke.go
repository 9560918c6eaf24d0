package machine

import "github.com/bezoar-auth/bezoar/machine/history"

// revoking is the order to end, at the issuer, a login that is not used any more
// after an event: none, or one. next is the state that the event led to.
//
// A refresh token that was refused or spent is never sent again, not
// even to be revoked. Nor is a login whose account is in use: what was logged in
// meanwhile might be of the same family, and would be ended with it.
func (s State) revoking(trigger Trigger, e Event, next State) []Effect {
	ended := s.ended(trigger, e)
	if ended == nil || ended.Method != MethodChatGPT || next.Credential.SharesAccount(*ended) {
		return nil
	}
	verdict, condemned := next.verdictOn(*ended)
	if condemned && verdict.Reason != history.ReasonMissing || ended.RefreshToken.IsEmpty() && ended.AccessToken.IsEmpty() {
		return nil
	}
	return []Effect{Revoke{Credential: *ended}}
}

// ended is the login that no process uses after an event, nil if there is none.
func (s State) ended(trigger Trigger, e Event) *Credential {
	switch e := e.(type) {
	case RefreshSucceeded:
		if trigger == outcomeLate && e.Base != nil { // else it is stored, and another process may use it
			return &e.Credential
		}
	case RefreshFailedTransient:
		if trigger == outcomeLate && e.Base != nil {
			return e.Kept
		}
	case CredentialLoaded:
		return e.Dropped
	case LoggedOut:
		if e.Removed != nil {
			return newest(s.Credential, *e.Removed)
		}
		return e.Dropped
	}
	return nil
}

// newest is the one of a logout's two logins that can still be refreshed: what
// the store held, for another process may have refreshed it, unless the one in
// memory was refreshed after it.
func newest(held, stored Credential) *Credential {
	if held.Method == MethodChatGPT && (stored.Method != MethodChatGPT || held.LastRefresh.After(stored.LastRefresh)) {
		return &held
	}
	return &stored
}

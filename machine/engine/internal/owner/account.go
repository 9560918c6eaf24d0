package owner

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/machine/secret"
)

// Login stores a credential and then uses it; see Engine.Login.
func (o *Owner) Login(c machine.Credential) error {
	ctx, cancel := context.WithTimeout(context.Background(), o.SaveWait)
	defer cancel()
	if c.Method != machine.MethodExternal {
		if err := o.Store.Replace(ctx, c); err != nil {
			return fmt.Errorf("store login: %w", err)
		}
		o.forget()
		login := persist.Entry{
			Kind: persist.Login, Method: c.Method, TokenID: o.tokenID(c), Access: c.Fingerprint(), Profile: o.Policy.Profile,
		}
		o.note(ctx, login.WithExpiry(c).Of(c))
		o.endIfGone(ctx, c)
	}
	o.step(machine.LoggedIn{At: o.at(), Credential: c})
	return nil
}

// Logout removes the stored login; see Engine.Logout. It writes its entry before it
// removes the record: another process that finds the record gone must know that
// the user logged out, also if this process dies in between. If the record is still there
// then, a second entry takes the first one back; if the process dies before that, the
// next one to start on the home finds the login and writes that it goes on. What another
// process wrote between the entry and the removal says so as well: then the entry is
// written again.
//
// ended is called once the authorization server has answered the revocation or has been
// given up on, at once if nothing is to be revoked there, and never if the logout failed.
func (o *Owner) Logout(isLocal bool, ended func(asked bool, err error)) error {
	ctx, cancel := context.WithTimeout(context.Background(), o.SaveWait)
	defer cancel()
	o.noteLogout(ctx, o.state.Credential)
	stored, _ := o.Store.Load(ctx) // whatever it is, it goes
	if err := o.Store.Delete(ctx); err != nil {
		o.takeBackLogout(stored)
		return fmt.Errorf("remove stored login: %w", err)
	}
	o.forget()
	if _, err := o.Store.Load(ctx); err != nil && !o.tokenHistory(ctx).LoggedOut {
		o.noteLogout(ctx, stored.Credential)
	}
	o.loggingOut = &revocation{isLocal: isLocal, ended: ended}
	o.step(machine.LoggedOut{At: o.at(), Removed: &stored.Credential})
	if o.loggingOut != nil { // the step ordered no revocation
		o.loggingOut = nil
		ended(false, nil)
	}
	return nil
}

// takeBackLogout tells the ledger that a logout has changed nothing, if it has not:
// the record may be gone all the same.
func (o *Owner) takeBackLogout(stored persist.Record) {
	ctx, cancel := context.WithTimeout(context.Background(), storeLimit)
	defer cancel()
	if found, err := o.Store.Load(ctx); err == nil && found.Revision == stored.Revision {
		held := o.state.Credential
		o.note(ctx, persist.Entry{Kind: persist.LogoutFailed, Method: held.Method, TokenID: o.tokenID(held), Access: nameOfKey(held)})
	}
}

// endIfGone follows an entry by which the user is logged in. The last entry decides:
// if nothing is stored any more, a logout came between the look at the store and the
// entry, and it is noted again. This process may have stood still in between. Nothing
// waits long for that.
func (o *Options) endIfGone(ctx context.Context, c machine.Credential) {
	looking, cancel := context.WithTimeout(ctx, glanceLimit)
	defer cancel()
	if _, err := o.Store.Load(looking); errors.Is(err, persist.ErrNotFound) {
		o.noteLogout(ctx, c)
	}
}

func (o *Options) noteLogout(ctx context.Context, c machine.Credential) {
	o.note(ctx, persist.Entry{Kind: persist.Logout, Method: c.Method, TokenID: o.tokenID(c), Access: nameOfKey(c)})
}

// nameOfKey is how a logout names a key, "" for other logins: those have a token id.
func nameOfKey(c machine.Credential) secret.Fingerprint {
	if c.Method != machine.MethodAPIKey {
		return ""
	}
	return c.Fingerprint()
}

// revocation is one that is to be made, and what is called with its outcome.
type revocation struct {
	isLocal bool // it is not to be made
	ended   func(asked bool, err error)
}

// revoke tells the authorization server that a login is given up.
func (o *Owner) revoke(login machine.Credential) {
	pending := cmp.Or(o.loggingOut, &revocation{ended: func(bool, error) {}})
	o.loggingOut = nil
	if pending.isLocal {
		pending.ended(false, nil)
		return
	}
	o.running++
	o.revocations = append(o.revocations, pending)
	options := &o.Options
	o.runner.Revoke(func(ctx context.Context) func() {
		err := options.revoke(ctx, login)
		return func() { o.revoked(pending, err) }
	})
}

func (o *Options) revoke(ctx context.Context, login machine.Credential) error {
	ctx, cancel := context.WithTimeout(ctx, revokeLimit)
	defer cancel()
	if err := o.AuthorizationServer.Revoke(ctx, o.Policy.IssuerOf(login), login); err != nil {
		o.Log.Warn("the issuer was not told that a login has ended", "error", err)
		return err
	}
	o.note(ctx, persist.Entry{Kind: persist.Revoked, Method: login.Method, TokenID: o.tokenID(login)})
	return nil
}

// revoked takes the end of a revocation.
func (o *Owner) revoked(which *revocation, err error) {
	o.running--
	o.revocations = slices.DeleteFunc(o.revocations, func(each *revocation) bool { return each == which })
	which.ended(true, err)
}

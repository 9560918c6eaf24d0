package engine

import (
	"context"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/store"
)

// Runner runs what takes its time, apart from the owner, whose memory it does
// not touch. A program's runner is a goroutine for each; a simulation's is
// whatever it likes.
type Runner interface {
	// Refresh runs a refresh and hands its event to Owner.Conclude.
	Refresh(run func(context.Context) machine.Event)
	// Revoke runs a revocation and then calls Owner.Revoked.
	Revoke(run func(context.Context))
}

// refresh starts the refresh that the machine ordered: at the issuer, or at the
// client that refreshes its own tokens.
func (o *Owner) refresh() {
	o.running++
	if o.state.Credential.Method == machine.MethodExternal {
		o.runner.Refresh(renewal{&o.Options, o.state}.run)
		return
	}
	o.runner.Refresh(newTransaction(&o.Options, o.state).run)
}

// renewal is a refresh of external tokens: nothing is stored, and nobody but the
// client that gave them is asked.
type renewal struct {
	*Options
	state machine.State // as it was when the refresh was ordered
}

func (r renewal) run(ctx context.Context) machine.Event {
	ctx, cancel := context.WithTimeout(ctx, renewLimit)
	defer cancel()
	attempt := r.state.Attempt
	if r.Client == nil {
		return machine.RefreshFailedTransient{At: r.at(), Attempt: attempt}
	}
	renewed, err := r.Client.Renew(ctx, r.state.Credential)
	switch {
	case err != nil:
		r.Log.Warn("the client gave no new tokens", "error", err)
	case !r.Policy.Restriction.Admits(renewed):
		r.Log.Warn("the client gave tokens of a workspace that may not be used here")
	default:
		return machine.RefreshSucceeded{At: r.at(), Attempt: attempt, Credential: renewed}
	}
	return machine.RefreshFailedTransient{At: r.at(), Attempt: attempt}
}

// revoke tells the issuer that a login is given up.
func (o *Owner) revoke(login machine.Credential) {
	o.running++
	o.revocations++
	options := &o.Options
	o.runner.Revoke(func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, revokeLimit)
		defer cancel()
		if err := options.Issuer.Revoke(ctx, login); err != nil {
			options.Log.Warn("the issuer was not told that a login has ended", "error", err)
			return
		}
		options.note(ctx, store.Entry{Kind: store.Revoked, Method: login.Method, Key: options.keyOf(login)})
	})
}

// Revoked takes the end of a revocation.
func (o *Owner) Revoked() {
	o.running--
	o.revocations--
	o.leaveDone()
}

// leaveDone tells those whose logout has nothing left to wait for.
func (o *Owner) leaveDone() {
	if o.revocations > 0 {
		return
	}
	leaving := o.leaving
	o.leaving = nil
	for _, gone := range leaving {
		gone()
	}
}

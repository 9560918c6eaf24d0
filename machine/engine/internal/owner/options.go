package owner

import (
	"cmp"
	"context"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/endpoint"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/machine/secret"
)

// Options are those of package engine, where each of them is explained. Store, Ledger
// and AuthorizationServer are there; the other zero values stand for their defaults.
type Options struct {
	Policy              machine.Policy
	Store               persist.Store
	Ledger              persist.Ledger
	AuthorizationServer AuthorizationServer
	Renewer             Renewer

	Deadline, LockWait, SaveWait time.Duration

	Log       *slog.Logger
	Now       func() time.Time
	Random    func() float64
	Uptime    func() time.Duration
	ProcessID int

	Elsewhere func(ctx context.Context, due machine.Snapshot) error
	Before    func(step string)
}

// AuthorizationServer, Preparer and Renewer are those of package engine.
type (
	AuthorizationServer interface {
		Refresh(ctx context.Context, issuer machine.Issuer, token secret.Token, cause endpoint.Cause) endpoint.Answer
		Revoke(ctx context.Context, issuer machine.Issuer, login machine.Credential) error
	}
	Preparer interface {
		Prepare(ctx context.Context, issuer machine.Issuer, made machine.Provenance) (bring func(context.Context) context.Context, answer endpoint.Answer)
	}
	Renewer interface {
		Renew(ctx context.Context, login machine.Credential) (machine.Credential, error)
	}
)

// DefaultDeadline is that of package engine.
const DefaultDeadline = 30 * time.Second

// lockMargin is what a refresh takes besides its post, so that it is waited for.
const lockMargin = 5 * time.Second

// How long the owner waits for a revocation and for the client.
const (
	revokeLimit = 10 * time.Second
	renewLimit  = 10 * time.Second
)

// How long a store may take. A look costs an answer two seconds at the most, and not
// the program; the clients' reading goroutine waits a moment only, and then lets the
// engine look. A slow disk is given more for a refresh, and most for what the issuer
// has granted: no caller waits for that.
const (
	storeLimit    = 2 * time.Second
	glanceLimit   = 50 * time.Millisecond
	stepLimit     = 10 * time.Second
	detachedLimit = 30 * time.Second
)

func (o Options) withDefaults() Options {
	o.Store = recall(o.Store, o.Ledger)
	o.Deadline = cmp.Or(o.Deadline, DefaultDeadline)
	o.LockWait = cmp.Or(o.LockWait, o.Deadline+lockMargin)
	o.Policy.AttemptLimit = cmp.Or(o.Policy.AttemptLimit, o.LockWait+o.Deadline)
	o.SaveWait = cmp.Or(o.SaveWait, 10*time.Second)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Random == nil {
		o.Random = rand.Float64
	}
	if o.Uptime == nil {
		o.Uptime = uptime
	}
	if o.Before == nil {
		o.Before = func(string) {}
	}
	return o
}

// at is the present as the embedded time of an event. The monotonic reading is
// stripped: it stops while a machine sleeps, and deadlines are of the wall clock.
func (o *Options) at() machine.At { return machine.At{Time: o.Now().Round(0)} }

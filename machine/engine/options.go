package engine

import (
	"context"
	"log/slog"
	"time"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/endpoint"
	"github.com/bezoar-auth/bezoar/machine/engine/internal/owner"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/machine/secret"
)

// Options is what an engine is made of. Store, Ledger and AuthorizationServer are
// required; every other zero value stands for its default.
type Options struct {
	Policy              machine.Policy
	Store               persist.Store
	Ledger              persist.Ledger
	AuthorizationServer AuthorizationServer
	Renewer             Renewer // the program that gave an external login; nil if none did

	Deadline time.Duration // how long callers wait for a post to the issuer, and how old an intent may be when it begins; 30 s
	LockWait time.Duration // for another process's refresh; Deadline + 5 s
	SaveWait time.Duration // for the disk or keyring, when a login is stored or removed; 10 s

	Log       *slog.Logger         // discarded
	Now       func() time.Time     // time.Now
	Random    func() float64       // in [0, 1), for the jitter
	Uptime    func() time.Duration // a clock that never stands still and is never set; the system's
	ProcessID int                  // in the ledger

	// Elsewhere has another process make the refresh that is due, and returns when
	// that one has ended: so the refresh outlives this process. When ctx ends,
	// nothing may be posted any more. An error says that it could not, and then the
	// refresh is made here. nil: it always is.
	Elsewhere func(ctx context.Context, due machine.Snapshot) error

	// Before is called with the name of each step of a refresh before it is done, on the
	// refresh's own goroutine. By it the command that makes a refresh for another process
	// reports that it posts ([StepPost]), and a test lets the process die.
	Before func(step string)
}

// AuthorizationServer speaks to the servers that issue tokens. Its methods may be
// called from any goroutine, and give up when ctx ends.
// One that is a [Preparer] too is asked to prepare each refresh.
type AuthorizationServer interface {
	// Refresh asks the token endpoint of issuer, as its client. It sends at most one
	// request, and reports whatever happens as an answer, however late: the engine
	// ends ctx long after its deadline. It asks [endpoint.MayPost] before the first byte
	// of the body leaves, and sends nothing if it may not. The engine has one such call at
	// a time.
	Refresh(ctx context.Context, issuer machine.Issuer, token secret.Token, cause endpoint.Cause) endpoint.Answer
	// Revoke tells issuer that a login has ended (RFC 7009). An error is logged and
	// reported by [Engine.Logout], and changes nothing else.
	Revoke(ctx context.Context, issuer machine.Issuer, login machine.Credential) error
}

// Preparer is an AuthorizationServer that has to get something before it can send a refresh,
// such as the secret of its client, which a command prints.
type Preparer interface {
	// Prepare gets what the next Refresh of a login needs that was made so, before its intent is written: should it fail,
	// or this process die meanwhile, nothing is in doubt. bring puts it into the context of
	// that Refresh; nil for nothing. An answer says that nothing can be sent, and why: the
	// refresh ends as if Refresh had given it.
	Prepare(ctx context.Context, issuer machine.Issuer, made machine.Provenance) (bring func(context.Context) context.Context, answer endpoint.Answer)
}

// Renewer is the program that gave an external login: it can renew the tokens and this
// program cannot. It may be called from any goroutine, once at a time.
type Renewer interface {
	// Renew asks for tokens in place of those of a login whose access token a
	// resource server refused. It gives up when ctx ends. An error says that there
	// are none; the old ones stay.
	Renew(ctx context.Context, login machine.Credential) (machine.Credential, error)
}

// DefaultDeadline is how long callers wait for a post, and how old an intent may be when
// the post begins, if [Options] says nothing else: 30 s.
const DefaultDeadline = owner.DefaultDeadline

// StepPost is what [Options].Before is called with before the refresh token may be spent.
const StepPost = owner.StepPost

// OptionError reports an option that [Start] cannot work with. It is a mistake in the
// program, or in a setting that it handed on.
type OptionError struct {
	Option  string // its name in [Options]
	Problem string
}

func (e *OptionError) Error() string { return "engine option " + e.Option + " " + e.Problem }

// check returns an [*OptionError] for the first option that is of no use.
func (o Options) check() error {
	for _, each := range []struct {
		option    string
		isMissing bool
	}{{"Store", o.Store == nil}, {"Ledger", o.Ledger == nil}, {"AuthorizationServer", o.AuthorizationServer == nil}} {
		if each.isMissing {
			return &OptionError{each.option, "is missing"}
		}
	}
	for _, each := range []struct {
		option string
		value  time.Duration
	}{
		{"Deadline", o.Deadline}, {"LockWait", o.LockWait}, {"SaveWait", o.SaveWait},
		{"Policy.RefreshFloor", o.Policy.RefreshFloor}, {"Policy.AttemptLimit", o.Policy.AttemptLimit},
	} {
		if each.value < 0 {
			return &OptionError{each.option, "is negative"}
		}
	}
	return nil
}

// inside are the options as the owner of the state takes them.
func (o Options) inside() owner.Options {
	return owner.Options{
		Policy: o.Policy, Store: o.Store, Ledger: o.Ledger, AuthorizationServer: o.AuthorizationServer, Renewer: o.Renewer,
		Deadline: o.Deadline, LockWait: o.LockWait, SaveWait: o.SaveWait,
		Log: o.Log, Now: o.Now, Random: o.Random, Uptime: o.Uptime, ProcessID: o.ProcessID,
		Elsewhere: o.Elsewhere, Before: o.Before,
	}
}

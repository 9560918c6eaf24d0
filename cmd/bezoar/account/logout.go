package account

import (
	"context"
	"errors"
	"flag"
	"fmt"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/cli"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/config"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/session"
	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/engine"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/protocol/oauth"
)

var Logout = cli.Command{
	Name:    "logout",
	Summary: "Log out here, and tell the issuer so.",
	Usage:   "[--local] [flags]",
	About: `Removes the stored login, and has the issuer revoke it: whoever has a copy is
logged out as well. With --local the issuer hears nothing and the copies go on.
Programs that run on this home learn of it by themselves.

Example: bezoar logout`,
	Run: logOut,
}

func logOut(env cli.Environment, flags *flag.FlagSet, args []string) error {
	var settings config.Flags
	settings.Register(flags)
	local := flags.Bool("local", false, "forget the login and do not tell the issuer")
	asJSON := cli.JsonFlag(flags)
	if err := cli.Parse(flags, args); err != nil {
		return err
	}
	_, noHome, err := session.Peek(settings, env.Getenv)
	if err != nil {
		return err
	}
	told := &revocationRecorder{local: *local, outcome: make(chan error, 1)}
	if noHome {
		return told.print(env, *asJSON)
	}
	if *local {
		settings.LogLevel = "error" // an engine warns when it could not tell the issuer
	}
	s, err := session.Open(env, settings, func(client *oauth.Client) engine.AuthorizationServer {
		told.Client = client
		return told
	})
	if err != nil {
		return err
	}
	ctx, stop := cli.UntilSignal()
	defer stop()
	told.wasLoggedIn = s.Engine.Snapshot().Phase != machine.NoAuth
	_, err = s.Store.Load(ctx)
	told.wasUnreadable = err != nil && !errors.Is(err, persist.ErrNotFound)
	if inTheWay, ok := errors.AsType[*persist.UnreadableError](err); ok && inTheWay.BlocksWrites {
		s.Close(ctx)
		return cli.Exit(cli.ExitOperator, cli.ForDoctor(err)) // a logout removes logins, and no folders
	}
	err = logOutAndWait(ctx, s.Engine)
	s.Close(ctx)
	if err != nil {
		return cli.Exit(cli.ExitOperator, cli.ForDoctor(err))
	}
	return told.print(env, *asJSON)
}

// logOutAndWait waits until the issuer knows, or nobody tries any more to tell it.
func logOutAndWait(ctx context.Context, auth *engine.Engine) error {
	revoked, err := auth.Logout(ctx)
	if err != nil {
		return err
	}
	select {
	case <-revoked:
	case <-ctx.Done():
	}
	return nil
}

// revocationRecorder is an issuer that tells how a revocation went.
type revocationRecorder struct {
	*oauth.Client
	local         bool
	wasLoggedIn   bool
	wasUnreadable bool       // something was stored, and nobody can tell what
	outcome       chan error // of the revocation, if there was one to make
}

var errNotWanted = errors.New("it was not to be told")

// Revoke implements [engine.Issuer]. A logout calls it once or never.
func (f *revocationRecorder) Revoke(ctx context.Context, issuer machine.Issuer, login machine.Credential) error {
	if f.local {
		return errNotWanted
	}
	err := f.Client.Revoke(ctx, issuer, login)
	f.outcome <- err
	return err
}

// logoutReport is a logout for programs.
type logoutReport struct {
	WasLoggedIn   bool `json:"wasLoggedIn"`
	WasUnreadable bool `json:"wasUnreadable"` // something was removed that may have been a login
	Revoked       bool `json:"revoked"`       // the issuer knows
}

func (f *revocationRecorder) print(env cli.Environment, asJSON bool) error {
	text, revoked := f.outcomeWithoutIssuer(), false
	select {
	case err := <-f.outcome:
		if revoked = err == nil; revoked {
			text = "Logged out, and the issuer knows."
		} else {
			text = "Logged out here. The issuer could not be told: copies of this login may go on until they expire."
		}
	default:
	}
	if asJSON {
		return cli.PrintJSON(env.Stdout, logoutReport{f.wasLoggedIn, f.wasUnreadable, revoked})
	}
	_, err := fmt.Fprintln(env.Stdout, text)
	return err
}

// untold is what there is to say of a logout that the issuer heard nothing of.
func (f *revocationRecorder) outcomeWithoutIssuer() string {
	switch {
	case f.wasUnreadable:
		return "What was stored could not be read as a login. It is removed, and if it was a file, kept as auth.json.unreadable. If it was a login, the issuer was not told, and copies of it go on."
	case !f.wasLoggedIn:
		return "Nobody was logged in."
	case f.local:
		return "Logged out here. The issuer was not told: copies of this login go on."
	}
	return "Logged out."
}

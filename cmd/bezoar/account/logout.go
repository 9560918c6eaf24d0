package account

import (
	"errors"
	"flag"
	"fmt"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/cli"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/config"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/session"
	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/engine"
	"github.com/bezoar-auth/bezoar/machine/persist"
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
	ended := loggedOut{local: *local}
	if noHome {
		return ended.print(env, *asJSON)
	}
	s, err := session.Open(env, settings)
	if err != nil {
		return err
	}
	ctx, stop := cli.UntilSignal()
	defer stop()
	ended.wasLoggedIn = s.Engine.Snapshot().Phase() != machine.NoAuth
	_, err = s.Store.Load(ctx)
	ended.wasUnreadable = err != nil && !errors.Is(err, persist.ErrNotFound)
	if inTheWay, ok := errors.AsType[*persist.UnreadableError](err); ok && inTheWay.BlocksWrites {
		s.Close(ctx)
		return cli.Exit(cli.ExitOperator, cli.ForDoctor(err)) // a logout removes logins, and no folders
	}
	var revoked <-chan engine.Revocation
	if *local {
		err = s.Engine.LogoutLocally(ctx)
	} else {
		revoked, err = s.Engine.Logout(ctx)
	}
	s.Close(ctx) // which waits until the issuer has answered the revocation, or has not
	if err != nil {
		return cli.Exit(cli.ExitOperator, cli.ForDoctor(err))
	}
	if revoked != nil {
		ended.revocation = <-revoked
	}
	return ended.print(env, *asJSON)
}

// loggedOut is what there is to say of a logout.
type loggedOut struct {
	local         bool
	wasLoggedIn   bool
	wasUnreadable bool // something was stored that could not be read
	revocation    engine.Revocation
}

// logoutReport is a logout for programs.
type logoutReport struct {
	WasLoggedIn   bool `json:"wasLoggedIn"`
	WasUnreadable bool `json:"wasUnreadable"` // something was removed that may have been a login
	Revoked       bool `json:"revoked"`       // the issuer knows
}

func (l loggedOut) print(env cli.Environment, asJSON bool) error {
	revoked := l.revocation.Asked && l.revocation.Err == nil
	if asJSON {
		return cli.PrintJSON(env.Stdout, logoutReport{l.wasLoggedIn, l.wasUnreadable, revoked})
	}
	text := l.withoutRevocation()
	switch {
	case revoked:
		text = "Logged out, and the issuer knows."
	case l.revocation.Asked:
		text = "Logged out here. The issuer could not be told: copies of this login may go on until they expire."
	}
	_, err := fmt.Fprintln(env.Stdout, text)
	return err
}

// withoutRevocation is what there is to say if the issuer was not asked to revoke.
func (l loggedOut) withoutRevocation() string {
	switch {
	case l.wasUnreadable:
		return "What was stored could not be read as a login. It is removed, and if it was a file, kept as auth.json.unreadable. If it was a login, the issuer was not told, and copies of it go on."
	case !l.wasLoggedIn:
		return "Nobody was logged in."
	case l.local:
		return "Logged out here. The issuer was not told: copies of this login go on."
	}
	return "Logged out."
}

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

// Logout is bezoar logout.
var Logout = cli.Command{
	Name:    "logout",
	Summary: "Log out here, and revoke the login at the issuer.",
	Usage:   "[--local] [flags]",
	About: `Removes the stored login and revokes it at the issuer, so that copies of it stop
working too. With --local the issuer is not asked, and copies keep working. Programs
that run on this home notice the logout by themselves.

Example: bezoar logout`,
	Run: logOut,
}

func logOut(env cli.Environment, flags *flag.FlagSet, args []string) error {
	var settings config.Flags
	settings.Register(flags)
	local := flags.Bool("local", false, "remove the login and do not revoke it at the issuer")
	asJSON := cli.JSONFlag(flags)
	if err := cli.Parse(flags, args); err != nil {
		return err
	}
	c, noHome, err := session.Peek(settings, env.Getenv)
	if err != nil {
		return err
	}
	ended := loggedOut{local: *local, aside: session.FormatOf(c).Aside()}
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
	if ended.revocation, err = s.LogOut(ctx, *local); err != nil {
		return cli.Exit(cli.ExitOperator, cli.ForDoctor(err))
	}
	return ended.print(env, *asJSON)
}

// loggedOut is the outcome of a logout.
type loggedOut struct {
	local         bool
	wasLoggedIn   bool
	aside         string // where a file is kept that could not be read
	wasUnreadable bool   // something was stored that could not be read
	revocation    engine.Revocation
}

// logoutReport is the outcome of a logout, as JSON.
type logoutReport struct {
	WasLoggedIn   bool `json:"wasLoggedIn"`
	WasUnreadable bool `json:"wasUnreadable"` // something was removed that may have been a login
	Revoked       bool `json:"revoked"`       // at the issuer
}

func (l loggedOut) print(env cli.Environment, asJSON bool) error {
	revoked := l.revocation.Asked && l.revocation.Err == nil
	if asJSON {
		return cli.PrintJSON(env.Stdout, logoutReport{l.wasLoggedIn, l.wasUnreadable, revoked})
	}
	text := l.withoutRevocation()
	switch {
	case revoked:
		text = "Logged out, and revoked at the issuer."
	case l.revocation.Asked:
		text = "Logged out here. The login could not be revoked at the issuer: copies of it may work until they expire."
	}
	_, err := fmt.Fprintln(env.Stdout, text)
	return err
}

// withoutRevocation describes a logout that was not revoked at the issuer.
func (l loggedOut) withoutRevocation() string {
	switch {
	case l.wasUnreadable:
		return "Removed what was stored, which could not be read as a login. If it was a file, it is kept as " + l.aside + ". If it was a login, it was not revoked, and copies still work."
	case !l.wasLoggedIn:
		return "Not logged in."
	case l.local:
		return "Logged out here. The login was not revoked: copies of it still work."
	}
	return "Logged out."
}

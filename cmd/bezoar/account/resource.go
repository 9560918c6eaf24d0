package account

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/cli"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/config"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/resource"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/session"
	"github.com/bezoar-auth/bezoar/protocol/oauth"
	"github.com/bezoar-auth/bezoar/protocol/profile"
)

// prepareResource are the settings of a login that makes an account for a resource. The
// client that it registers is kept although the login may fail: the next one uses it.
func prepareResource(ctx context.Context, env cli.Environment, settings config.Flags, chosen loginFlags) (config.Flags, error) {
	ask := resource.Ask{Server: settings.Resource, Profile: chosen.issuer, Account: settings.Account, Scopes: strings.Fields(chosen.scopes)}
	settings.Resource, settings.Account, settings.NewAccountOf = "", "", ""
	c, err := session.Load(settings, env.Getenv)
	if err != nil {
		return settings, err
	}
	ask.Home = c.Root
	if err := checkName(c.Root, ask.Account); err != nil {
		return settings, err
	}
	made, err := resource.Prepare(ctx, session.NewIssuer(c, env.Getenv, session.Quiet), c.Profiles, ask)
	unknown, isUnknown := errors.AsType[*profile.UnknownError](err)
	_, unfound := errors.AsType[*oauth.DiscoveryError](err)
	switch {
	case ctx.Err() != nil:
		return settings, cli.ErrCancelled
	case isUnknown:
		return settings, cli.Misuse("%v", unknown)
	case unfound:
		return settings, cli.Exit(cli.ExitOperator, fmt.Errorf("it is not known who issues tokens for this resource: %w", err))
	case err != nil:
		return settings, cli.Exit(cli.ExitOperator, err)
	}
	if err := made.Keep(c.Root); err != nil {
		return settings, cli.Exit(cli.ExitOperator, cli.ForDoctor(fmt.Errorf("the account cannot be made: %w", err)))
	}
	settings.Account = made.Account
	if !slices.Contains(config.AccountNames(c.Root), made.Account) { // one that is there may have been renamed since
		settings.NewAccountOf = made.Account
	}
	return settings, nil
}

// checkName returns an error if no account for a resource can have the name, because none can
// have it, or one that is for something else has it. "" is for a name that bezoar makes.
func checkName(root, name string) error {
	if name == "" {
		return nil
	}
	if err := config.CheckAccountName(name); err != nil {
		return &config.SettingError{Name: "--account", Err: err}
	}
	isThere := slices.ContainsFunc(config.AccountNames(root), func(each string) bool { return config.SameAccount(each, name) })
	if _, err := resource.Read(config.AccountFolder(root, name)); isThere && err != nil {
		return cli.Misuse("the account %s is there, and for no resource: take another name", name)
	}
	return nil
}

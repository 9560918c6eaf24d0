package accounts

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/cli"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/config"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/session"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/store/fallback"
	"github.com/bezoar-auth/bezoar/store/system"
)

// Rename is bezoar accounts rename.
var Rename = cli.Command{
	Name:    "accounts rename",
	Summary: "Give an account another name.",
	Usage:   "OLD NEW [flags]",
	About: `Programs that use the account have to be started again with the new name. They do not
notice by themselves: they keep the access token that they have, and refresh it no more.

While a refresh of its login is under way, the command refuses. It also refuses while the
login is in the keyring, which knows it by its folder: log out first.

Example: bezoar accounts rename work keycloak`,
	Account: true,
	Run:     rename,
}

func rename(env cli.Environment, flags *flag.FlagSet, args []string) error {
	var settings config.Flags
	settings.Register(flags)
	names, err := parseNames(flags, args, 2, "name the account, and the name that it is to have: bezoar accounts rename OLD NEW")
	if err != nil {
		return err
	}
	c, noHome, err := session.PeekHome(settings, env.Getenv)
	if err != nil {
		return err
	}
	from, to, err := choose(c, noHome, names[0], names[1])
	if err != nil {
		return err
	}
	ctx, stop := cli.UntilSignal()
	defer stop()
	settings.Account = from
	if c, _, err = session.Peek(settings, env.Getenv); err != nil {
		return err
	}
	if err := move(ctx, env, c, config.AccountFolder(c.Root, to)); err != nil {
		return err
	}
	if !slices.Contains(config.AccountNames(c.Root), to) { // letters that another case alone makes different
		return cli.Exit(cli.ExitOperator, fmt.Errorf("this disk keeps the name %s", from))
	}
	_, err = fmt.Fprintf(env.Stdout, "The account %s is called %s now.\n", from, to)
	return err
}

// choose is the account that is meant, and the name that it may have.
func choose(c config.Config, noHome bool, from, to string) (string, string, error) {
	if err := config.CheckAccountName(to); err != nil {
		return "", "", cli.Misuse("NEW: %v", err)
	}
	var known []string
	if !noHome {
		known = config.AccountNames(c.Root)
	}
	find := func(name string) int {
		return slices.IndexFunc(known, func(each string) bool { return config.SameAccount(each, name) })
	}
	old, taken := find(from), find(to)
	if old < 0 {
		return "", "", &config.UnknownAccountError{Name: from, Source: "OLD", Known: known}
	}
	if taken >= 0 && taken != old {
		return "", "", fmt.Errorf("there is an account %s already", known[taken])
	}
	return known[old], to, nil
}

// move gives the folder of an account another name, while no process can be refreshing its
// login: a successor that is on its way would find no folder.
func move(ctx context.Context, env cli.Environment, c config.Config, to string) error {
	if err := checkKeyring(ctx, c); err != nil {
		return err
	}
	if _, err := os.Lstat(to); err == nil && !isSame(to, c.Home) {
		return fmt.Errorf("%s is there already", to)
	}
	release, err := hold(ctx, env, c)
	if err != nil {
		return err
	}
	err = moveHeld(c.Home, to, release)
	if err != nil {
		return cli.Exit(cli.ExitOperator, fmt.Errorf("the account %s cannot be renamed: %w; nothing has changed", c.Account.Name, cli.WithoutPath(err)))
	}
	return system.Here.SyncFolder(filepath.Dir(to))
}

// checkKeyring returns an error if the login is in a keyring, or may be.
func checkKeyring(ctx context.Context, c config.Config) error {
	if c.CredentialStore != config.Keyring && c.CredentialStore != config.Auto {
		return nil
	}
	_, err := session.StoreOf(c, fallback.Options{Log: session.Quiet, Look: true}).Load(ctx)
	if errors.Is(err, persist.ErrNotFound) {
		return nil
	}
	return cli.Exit(cli.ExitOperator, fmt.Errorf("the login of the account %s may be in the keyring, which knows it by its folder: run %s first", c.Account.Name, c.Command("logout")))
}

func isSame(a, b string) bool {
	first, err := os.Stat(a)
	second, missing := os.Stat(b)
	return err == nil && missing == nil && os.SameFile(first, second)
}

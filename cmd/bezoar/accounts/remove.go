package accounts

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/cli"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/config"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/session"
	"github.com/bezoar-auth/bezoar/protocol/oauth"
)

// Remove is bezoar accounts remove.
var Remove = cli.Command{
	Name:    "accounts remove",
	Summary: "Log out an account, and remove all that is kept of it.",
	Usage:   "NAME [--local] [--yes] [flags]",
	About: `Logs the account NAME out, revokes its login at the issuer, and removes its folder with
the ledger. It asks first, unless --yes is given. While a refresh of the login is under way,
or has no answer yet, it refuses: the tokens that come would be lost and live on. With --local
the issuer is not asked, and copies of the login keep working.

Example: bezoar accounts remove work`,
	Account: true,
	Run:     remove,
}

func remove(env cli.Environment, flags *flag.FlagSet, args []string) error {
	var settings config.Flags
	settings.Register(flags)
	local := flags.Bool("local", false, "do not revoke the login at the issuer")
	yes := flags.Bool("yes", false, "do not ask")
	names, err := parseNames(flags, args, 1, "name the account to remove; bezoar accounts lists them")
	if err != nil {
		return err
	}
	settings.Account = names[0]
	c, err := session.Load(settings, env.Getenv)
	logins := []config.Config{c}
	if broken, ok := errors.AsType[*config.AccountError](err); ok && *local {
		logins, err = brokenAccount(env, settings, broken)
		c = logins[0]
	}
	if err != nil {
		return err
	}
	if !*yes {
		if err := ask(env, fmt.Sprintf("Log out the account %s and remove all that is kept of it?", c.Account.Name)); err != nil {
			return err
		}
	}
	ctx, stop := cli.UntilSignal()
	defer stop()
	release, err := hold(ctx, env, logins...)
	if err != nil {
		return err
	}
	said := ""
	for _, each := range logins {
		if said, err = logOut(ctx, env, each, *local); err != nil {
			release()
			return err
		}
	}
	if err := discard(c.Home, release); err != nil {
		return cli.Exit(cli.ExitOperator, fmt.Errorf("the account is logged out, and its folder %s cannot be removed: %w", c.Home, cli.WithoutPath(err)))
	}
	_, err = fmt.Fprintf(env.Stdout, "Removed the account %s%s.\n", c.Account.Name, said)
	return err
}

// brokenAccount are the configurations of an account whose profile cannot be used: enough
// to remove what is on this machine. Its login is one of any issuer or of Codex, whose
// record is another file.
func brokenAccount(env cli.Environment, settings config.Flags, broken *config.AccountError) ([]config.Config, error) {
	codex, _, err := session.PeekHome(settings, env.Getenv)
	codex.Account.Name, codex.Home = broken.Account, config.AccountFolder(codex.Root, broken.Account)
	other := codex
	other.Profile.Issuer = "unknown"
	return []config.Config{other, codex}, err
}

// logOut logs the account out.
func logOut(ctx context.Context, env cli.Environment, c config.Config, isLocal bool) (said string, err error) {
	if c.CredentialStore == config.Ephemeral {
		return "", nil // no login is on the disk
	}
	s, err := session.On(env, c)
	if err != nil {
		return "", err
	}
	switch ended, err := s.LogOut(ctx, isLocal); {
	case err != nil:
		return "", cli.Exit(cli.ExitOperator, cli.ForDoctor(err))
	case isLocal:
		return ". Its login was not revoked: copies of it still work", nil
	case !ended.Asked:
		return "", nil
	case errors.Is(ended.Err, oauth.ErrNoRevocation):
		return ". Its issuer revokes no logins: copies of this one work until they expire", nil
	case ended.Err != nil:
		return ". Its login could not be revoked at the issuer: copies of it may work until they expire", nil
	}
	return ", and revoked its login at the issuer", nil
}

// discard removes the folder of an account that is held. It is no account from the first
// step on.
func discard(folder string, release func()) error {
	parent, name := filepath.Split(folder)
	sweep(parent)
	gone, err := os.MkdirTemp(parent, removedPrefix)
	if err != nil {
		release()
		return err
	}
	if err := moveHeld(folder, filepath.Join(gone, name), release); err != nil { // as on Windows, where a file in it is open
		_ = os.Remove(gone)
		return err
	}
	if err := os.RemoveAll(gone); err != nil {
		return fmt.Errorf("%s is left of it: %w", gone, cli.WithoutPath(err))
	}
	return nil
}

// removedPrefix begins the name of a folder that has an account which is being removed. It
// is the name of no account.
const removedPrefix = ".removed-"

// sweep removes what earlier removals have left: their process was killed, or a file was in
// use. An empty folder waits for the account of another process.
func sweep(parent string) {
	left, _ := filepath.Glob(filepath.Join(parent, removedPrefix+"*", "*"))
	for _, each := range left {
		if os.RemoveAll(each) == nil {
			_ = os.Remove(filepath.Dir(each))
		}
	}
}

// ask returns nil if the user says yes.
func ask(env cli.Environment, question string) error {
	if !cli.IsTerminal(env.Stdin) {
		return cli.Misuse("standard input is no terminal to ask at: add --yes to remove it without a question")
	}
	fmt.Fprint(env.Stderr, question+" [y/N] ")
	line, _ := bufio.NewReader(env.Stdin).ReadString('\n')
	if answer := strings.ToLower(strings.TrimSpace(line)); answer != "y" && answer != "yes" {
		return cli.ErrCancelled
	}
	return nil
}

// parseNames reads flags, which may stand before, between and behind the names.
func parseNames(flags *flag.FlagSet, args []string, count int, misuse string) ([]string, error) {
	var names []string
	for {
		rest, err := cli.ParseWords(flags, args)
		if err != nil {
			return nil, err
		}
		if len(rest) == 0 {
			break
		}
		names, args = append(names, rest[0]), rest[1:]
	}
	if len(names) != count {
		return nil, cli.Misuse("%s", misuse)
	}
	return names, nil
}

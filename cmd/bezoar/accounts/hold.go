package accounts

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/cli"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/config"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/session"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/view"
	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/store/disk"
	"github.com/bezoar-auth/bezoar/store/fallback"
	"github.com/bezoar-auth/bezoar/store/system"
)

// patience is how long a refresh that is under way is waited for.
const patience = 2 * time.Second

// hold takes the lock that every refresh of an account needs, and makes sure that none is
// under way: none begins until release. An account has several logins if nothing tells which
// is its own. So the folder can go, which has the ledger that a
// refresh writes its outcome to. Call release once.
func hold(ctx context.Context, env cli.Environment, logins ...config.Config) (release func(), err error) {
	c := logins[0]
	waiting, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	release, err = disk.Here.NewRefreshLock(c.Home, session.Quiet).Acquire(waiting)
	switch {
	case ctx.Err() != nil:
		err = cli.ErrCancelled
	case waiting.Err() != nil && err != nil:
		err = cli.Exit(cli.ExitWait, fmt.Errorf("another program is refreshing the account %s; nothing has changed. Try again in a moment", c.Account.Name))
	case err != nil:
		err = cli.Exit(cli.ExitOperator, cli.ForDoctor(err))
	default:
		for _, each := range logins {
			err = errors.Join(err, checkIdle(ctx, env, each))
		}
	}
	if err != nil && release != nil {
		release()
	}
	return release, err
}

// moveHeld gives the folder of an account that is held another name, and releases it.
func moveHeld(folder, to string, release func()) error {
	if !system.Here.MovesOpen() { // there a folder with an open file in it does not move, and neither does that of a process that posts
		release()
		return os.Rename(folder, to)
	}
	defer release()
	return os.Rename(folder, to)
}

// checkIdle returns an error while a post of the refresh token is under way, or has no
// outcome and may yet have one, and while a process has tokens that it could not store.
func checkIdle(ctx context.Context, env cli.Environment, c config.Config) error {
	store, ledger := session.StoreOf(c, fallback.Options{Log: session.Quiet, Look: true}), session.LedgerOf(c, session.Quiet)
	record, err := store.Load(ctx)
	_, noLogin := errors.AsType[*persist.UnreadableError](err)
	var doubt history.Doubt
	if err == nil {
		doubt, err = ledger.PeekDoubt(ctx, session.PolicyOf(c).TokenID(record.Credential))
	}
	v := view.Of(env, c)
	pid, isHeld := v.Holder()
	switch {
	case errors.Is(err, persist.ErrNotFound):
		return nil // a refresh would find that it is logged out
	case err != nil && !noLogin:
		return cli.Exit(cli.ExitOperator, cli.ForDoctor(err))
	case doubt.Times > 0 && !doubt.HolderGone:
		return cli.Exit(cli.ExitWait, fmt.Errorf("a refresh of the account %s is under way; nothing has changed. Try again in a moment", c.Account.Name))
	case isHeld:
		return cli.Exit(cli.ExitOperator, fmt.Errorf("process %d has newer tokens of the account %s in its memory and cannot store them; nothing has changed. "+
			"Make room on the disk, and let the process run until it has stored them", pid, c.Account.Name))
	}
	return nil
}

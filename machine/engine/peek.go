package engine

import (
	"context"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/engine/internal/owner"
	"github.com/bezoar-auth/bezoar/machine/history"
)

// Sight is what a process that only looks can tell of a login.
type Sight struct {
	Snapshot machine.Snapshot     // what an engine would come to if it was asked for the token now, up to its post
	History  history.TokenHistory // what the ledger knows; its lists are shared, and must not be changed

	IsForbidden   bool  // what is stored may not be used here
	StoreProblem  error // why the store cannot tell what it holds, or why that is no login; nil if it does or holds nothing
	LedgerProblem error // why the ledger cannot tell what it knows
}

// Peek looks at a login as an engine would, and at whether it could be refreshed:
// what was written down elsewhere, posts without an outcome, and whether a successor
// could be stored as far as that can be seen. It asks no issuer, takes no lock and
// leaves no trace on the disk; of the options it uses Policy, Store, Ledger, Now and
// Log. A due refresh that would be posted now leaves the state Stale, with no
// trouble unless several ended alike.
func Peek(ctx context.Context, options Options) Sight {
	return Sight(owner.Peek(ctx, options.inside()))
}

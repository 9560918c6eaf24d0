// Package enginetest is for the tests of this module: engines for them, and the engine
// without its goroutine for a simulation that wants to choose what happens next.
package enginetest

import (
	"github.com/bezoar-auth/bezoar/machine/engine"
	"github.com/bezoar-auth/bezoar/machine/engine/internal/owner"
)

// Start is [engine.Start] with options that are known to be good: it panics if they
// are not. Close the engine.
func Start(options engine.Options) *engine.Engine {
	e, err := engine.Start(options)
	if err != nil {
		panic(err)
	}
	return e
}

// Owner is the engine without its goroutine: it owns the state, and one caller at a
// time may call it. A Runner runs what the owner must not wait for, and is given a
// Listen for each post. Options are those of package engine, of which an owner needs
// Store, Ledger and AuthorizationServer.
type (
	Owner   = owner.Owner
	Runner  = owner.Runner
	Listen  = owner.Listen
	Options = owner.Options
)

// NewOwner makes an owner that has no login yet: let it Look first.
func NewOwner(options Options, runner Runner) *Owner { return owner.New(options, runner) }

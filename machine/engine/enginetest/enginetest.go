// Package enginetest is for the tests of this module: engines for them, and the engine
// without its goroutine for a simulation that wants to choose what happens next.
package enginetest

import "github.com/bezoar-auth/bezoar/machine/engine"

// Start is [engine.Start] with options that are known to be good: it panics if they
// are not. Close the engine.
func Start(options engine.Options) *engine.Engine {
	e, err := engine.Start(options)
	if err != nil {
		panic(err)
	}
	return e
}

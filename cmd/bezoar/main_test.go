package main

import (
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"bezoar": main, "browse": browse})
}

// TestCommandLine runs the scripts of testdata/script against the real program,
// as a person at a shell would, with an issuer on loopback for each.
func TestCommandLine(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:   "testdata/script",
		Setup: setUpWorld,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":         exits,
			"quiet":         hidesSecrets,
			"loggedin":      loggedIn,
			"spent":         spent,
			"issuer":        issuerAnswers,
			"person":        person,
			"posts":         posts,
			"await":         await,
			"skew":          skew,
			"door":          door,
			"callback-port": callbackPort,
		},
	})
}

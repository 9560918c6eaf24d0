package main

import (
	"errors"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/cli"
	"github.com/bezoar-auth/bezoar/machine/machinetest"
)

// programs are what scripts and tests can start.
var programs = map[string]func(){"bezoar": main}

func TestMain(m *testing.M) {
	testscript.Main(m, programs)
}

// TestCommandLine runs the scripts of testdata/script against the real program,
// as a person at a shell would, with an issuer on loopback for each.
func TestCommandLine(t *testing.T) {
	t.Parallel()
	undoNohup(t)
	testscript.Run(t, testscript.Params{
		Dir:      "testdata/script",
		Deadline: time.Now().Add(scriptLimit()),
		Setup:    setUpWorld,
		Condition: func(name string) (bool, error) {
			if name != "links" {
				return false, errors.New("unknown")
			}
			return !machinetest.Lacks(machinetest.LacksLinks), nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":         exits,
			"quiet":         hidesSecrets,
			"loggedin":      loggedIn,
			"account":       accountLoggedIn,
			"spent":         spent,
			"issuer":        issuerAnswers,
			"person":        person,
			"posts":         posts,
			"await":         await,
			"soon":          soon,
			"skew":          skew,
			"door":          door,
			"callback-port": callbackPort,
			"holds":         holds,
			"comes":         comes,
			"goes":          goes,
			"edit":          edit,
			"types":         types,
			"shows":         shows,
			"soon-stdout":   soonStdout,
			"soon-said":     soonSaid,
			"soon-exits":    soonExits,
			"differs":       differs,
			"joins":         joins,
			"changes":       changes,
			"exported":      exported,
			"gone":          gone,
			"refuses":       refuses,
		},
	})
}

// scriptLimit is how long all scripts may take: one that hangs keeps the ports of browser
// logins. Under Wine a program starts slowly. The long
// form runs under the race detector, beside other packages, and takes five minutes.
func scriptLimit() time.Duration {
	if runtime.GOOS == "windows" || machinetest.Long() {
		return 15 * time.Minute
	}
	return 5 * time.Minute
}

// undoNohup keeps the programs of a test from ignoring that their terminal is
// gone only because who runs the test does.
func undoNohup(t *testing.T) {
	if signal.Ignored(syscall.SIGHUP) {
		heard := make(chan os.Signal, 1)
		signal.Notify(heard, syscall.SIGHUP)
		t.Cleanup(func() { signal.Stop(heard) })
	}
}

// run runs the program in this process.
func run(env cli.Environment, args []string) int { return cli.Commands(commands).Run(env, args) }

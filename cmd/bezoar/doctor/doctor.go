// Package doctor checks a home and its machine, and proposes remedies.
package doctor

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/backend"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/cli"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/config"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/session"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/store/disk"
	"github.com/bezoar-auth/bezoar/store/fallback"
	"github.com/bezoar-auth/bezoar/store/file"
)

// Command is bezoar doctor.
var Command = cli.Command{
	Name:    "doctor",
	Summary: "Check this machine for problems, and say what to do.",
	Usage:   "[--offline] [--backend CODEX] [--json] [flags]",
	About: `Checks the home, its owner and its permissions, tries locks and the disk with files of
its own that it removes again, asks the keyring if one is in use, and checks whether the
issuer can be reached and which time it has. It sends no token. It names each codex that
refreshes this home by itself, where the system says which home a process has (Linux,
macOS), and the program that serves the control socket. With --backend it starts that
codex as app-server --backend would, in a home that is thrown away: what it sends goes to a
proxy that refuses it, so that nothing leaves this machine.

A cause is reported once: a check that would find it again prints "skip" and where
the cause is, such as "see home".

Exit codes: 0 no check failed (a warning is not a failure), 5 a check failed.

Example: bezoar doctor --offline
Example: bezoar doctor --backend 'codex app-server'`,
	Run: doctor,
}

// How a check came out.
const (
	resultOK   = cli.ResultOK
	resultWarn = cli.ResultWarn
	resultFail = cli.ResultFail
	resultSkip = cli.ResultSkip
)

type result = cli.Result

// finding is the outcome of a check.
type finding struct {
	cli.Finding

	blocks bool // later checks would find the same cause
}

func found(how result, text string) finding {
	return finding{Finding: cli.Finding{Result: how, Found: text}}
}

func passed(format string, args ...any) finding {
	return found(resultOK, fmt.Sprintf(format, args...))
}

func skip(why string) finding { return found(resultSkip, why) }

func problem(how result, text, remedy string) finding {
	f := found(how, text)
	f.Remedy = &remedy
	return f
}

// blocking is a failure that later checks would find again.
func blocking(found, remedy string) finding {
	f := problem(resultFail, found, remedy)
	f.blocks = true
	return f
}

// probe is what the checks look at, and with.
type probe struct {
	config  config.Config
	store   persist.Store // reading it changes nothing
	ledger  persist.Ledger
	lock    func(ctx context.Context, path string, poll time.Duration) (release func(), err error)
	now     func() time.Time
	offline bool
	getenv  func(string) string
	path    string // the folders of programs
	backend string // the words of a codex to try, "" for none
}

// check is one look.
type check struct {
	name  string
	after []string // checks that may find a common cause first
	files bool     // it works on files, which should be quick
	look  func(context.Context, *probe) finding
}

// checks in the order in which they run: a problem of the first ones breaks the others.
var checks = []check{
	{"home", nil, true, homeCheck},
	{"permissions", []string{"home"}, true, permissionCheck},
	{"limits", nil, false, limitCheck},
	{"settings", []string{"home"}, true, settingsCheck},
	{"keyring", []string{"home"}, false, keyringCheck},
	{"login", []string{"home", "keyring"}, true, loginCheck},
	{"ledger", []string{"home"}, true, ledgerCheck},
	{"disk", []string{"home", "keyring", "login"}, true, diskCheck},
	{"lock", []string{"home", "disk"}, true, lockCheck},
	{"issuer", nil, false, issuerCheck},
	{"clock", nil, false, clockCheck},
	{"others", []string{"home", "keyring", "login"}, true, othersCheck},
	{"socket", []string{"home"}, false, socketCheck},
	{"shim", nil, false, shimCheck},
	{"backend", nil, false, backendCheck},
}

// checkLimit bounds each check. slowNoticed is when a check of a few files is slow.
const (
	checkLimit  = 15 * time.Second
	slowNoticed = 2 * time.Second
)

func doctor(env cli.Environment, flags *flag.FlagSet, args []string) error {
	var settings config.Flags
	settings.Register(flags)
	offline := flags.Bool("offline", false, "send nothing outside this machine")
	tried := flags.String("backend", "", "try this `codex`, such as 'codex app-server', as the backend of an app-server (default: "+backend.Variable+")")
	asJSON := cli.JSONFlag(flags)
	if err := cli.Parse(flags, args); err != nil {
		return err
	}
	c, noHome, err := session.Peek(settings, env.Getenv)
	missing, unusable := errors.AsType[*config.HomeError](err)
	if err != nil && !unusable {
		return err
	}
	ctx, stop := cli.UntilSignal()
	defer stop()
	var findings []finding
	switch {
	case unusable:
		findings = homeUnusable(missing)
	case noHome:
		findings = homeMissing(ctx, c.Home)
	default:
		p := &probe{
			config: c, store: session.StoreOf(c, fallback.Options{Log: session.Quiet, Look: true}), ledger: session.LedgerOf(c, session.Quiet),
			lock: disk.Here.Lock, now: env.Now, offline: *offline,
			getenv: env.Getenv, path: env.Getenv("PATH"), backend: cmp.Or(*tried, env.Getenv(backend.Variable)),
		}
		findings = p.examine(ctx)
	}
	if err := report(env, findings, *asJSON); err != nil {
		return err
	}
	for _, each := range findings {
		if each.Result == resultFail {
			return cli.Exit(cli.ExitOperator, nil)
		}
	}
	return nil
}

func (p *probe) examine(ctx context.Context) []finding {
	var findings []finding
	blocked := map[string]bool{}
	for _, each := range checks {
		cause := slices.IndexFunc(each.after, func(name string) bool { return blocked[name] })
		found := finding{}
		if cause >= 0 {
			found = skip("see " + each.after[cause])
		} else {
			found = p.look(ctx, each)
		}
		found.Check = each.name
		blocked[each.name] = found.blocks
		findings = append(findings, found)
	}
	return findings
}

// look runs one check, within its limit also if a file system hangs.
func (p *probe) look(ctx context.Context, each check) finding {
	ctx, cancel := context.WithTimeout(ctx, checkLimit)
	defer cancel()
	begun, found := p.now(), make(chan finding, 1)
	go func() { found <- each.look(ctx, p) }()
	select {
	case <-ctx.Done():
		return problem(resultFail, fmt.Sprintf("no answer within %v", checkLimit), "check whether the disk, or its server, hangs; keep the home on a local disk")
	case f := <-found:
		took := p.now().Sub(begun)
		if each.files && f.Result == resultOK && took >= slowNoticed {
			return problem(resultWarn, fmt.Sprintf("%s, but it took %v: the disk is slow", f.Found, took.Round(time.Second/10)),
				"keep the home on a local disk: a refresh makes dozens of file operations")
		}
		return f
	}
}

// homeUnusable is the only finding if the home cannot be used.
func homeUnusable(err *config.HomeError) []finding {
	remedy := "name another folder with --home or BEZOAR_HOME"
	switch {
	case errors.Is(err, fs.ErrNotExist):
		remedy = "make the folder (mkdir -m 700), or " + remedy
	case errors.Is(err, fs.ErrPermission):
		remedy = "ask its owner for access, or " + remedy
	case err.Source != config.DefaultHome && err.Source != "--home":
		remedy = "set " + err.Source + " to a folder, or name one with --home"
	}
	found := problem(resultFail, fmt.Sprintf("%s (%s): %v", err.Path, err.Source, err.Err), remedy)
	found.Check = checks[0].name
	return []finding{found}
}

// homeMissing is the only finding before the default home is made.
func homeMissing(ctx context.Context, path string) []finding {
	found := passed("%s is not there yet; bezoar login makes it", path)
	above := filepath.Dir(path)
	for _, err := os.Stat(above); err != nil && above != filepath.Dir(above); _, err = os.Stat(above) {
		above = filepath.Dir(above)
	}
	if file.Open(above, file.Options{}).Probe(ctx) != nil {
		found = problem(resultFail, fmt.Sprintf("%s is missing, and nothing can be created in %s", path, above), "name a folder of your own with --home or BEZOAR_HOME")
	}
	found.Check = checks[0].name
	return []finding{found}
}

// checkWidth is that of the longest name of a check.
const checkWidth = len("permissions")

// report prints the findings.
func report(env cli.Environment, findings []finding, asJSON bool) error {
	if asJSON {
		return cli.PrintJSON(env.Stdout, map[string][]finding{"checks": findings})
	}
	p := cli.PaintFor(env.Stdout, env.Getenv)
	for _, each := range findings {
		if err := each.Print(env.Stdout, p, checkWidth); err != nil {
			return err
		}
	}
	return nil
}

package doctor

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/cli"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/config"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/session"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/store/disk"
	"github.com/bezoar-auth/bezoar/store/fallback"
	"github.com/bezoar-auth/bezoar/store/file"
)

var Command = cli.Command{
	Name:    "doctor",
	Summary: "Look for what could be wrong with this machine, and say what to do.",
	Usage:   "[--offline] [--json] [flags]",
	About: `Looks at the home, its owner and its permissions, tries locks and the disk with files
of its own that it removes again, asks the keyring if one is in use, and sees whether
the issuer can be reached and what time it has. It sends no token.

What would be found twice is found once: "skip (see home)" has the cause there.

Exit codes: 0 nothing is broken (warnings count as that), 5 something is.

Example: bezoar doctor --offline`,
	Run: doctor,
}

// result is how a check came out.
type result string

const (
	resultOK   result = "ok"
	resultWarn result = "warn" // it works, and could cost something
	resultFail result = "fail"
	resultSkip result = "skip" // it does not apply, or was not wanted
)

// finding is what a check found.
type finding struct {
	Check  string  `json:"check"`
	Result result  `json:"result"`
	Found  string  `json:"found"`
	Remedy *string `json:"remedy"`

	blocks bool // checks that come after this one would find the same
}

func passed(format string, args ...any) finding {
	return finding{Result: resultOK, Found: fmt.Sprintf(format, args...)}
}

func skip(why string) finding { return finding{Result: resultSkip, Found: why} }

func problem(how result, found, remedy string) finding {
	return finding{Result: how, Found: found, Remedy: &remedy}
}

// blocking is a failure that those who look at the same thing would find again.
func blocking(found, remedy string) finding {
	f := problem(resultFail, found, remedy)
	f.blocks = true
	return f
}

// probe is what doctor looks at.
type probe struct {
	config  config.Config
	store   persist.Store // that settles nothing
	ledger  persist.Ledger
	lock    func(ctx context.Context, path string, poll time.Duration) (release func(), err error)
	now     func() time.Time
	offline bool
}

// check is one look at the probe.
type check struct {
	name  string
	after []string // checks that find the cause, if there is one in common
	files bool     // it works on files, which should not take long
	look  func(context.Context, *probe) finding
}

// checks in the order in which they are made: what comes first breaks the others.
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
}

// checkLimit bounds each check. slowNoticed is when one of a few files is slow.
const (
	checkLimit  = 15 * time.Second
	slowNoticed = 2 * time.Second
)

func doctor(env cli.Environment, flags *flag.FlagSet, args []string) error {
	var settings config.Flags
	settings.Register(flags)
	offline := flags.Bool("offline", false, "ask nobody outside of this machine")
	asJSON := cli.JsonFlag(flags)
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
			lock: disk.Lock, now: env.Now, offline: *offline,
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

// look makes one check, with its limit also where a file system does not answer.
func (p *probe) look(ctx context.Context, each check) finding {
	ctx, cancel := context.WithTimeout(ctx, checkLimit)
	defer cancel()
	begun, found := p.now(), make(chan finding, 1)
	go func() { found <- each.look(ctx, p) }()
	select {
	case <-ctx.Done():
		return problem(resultFail, fmt.Sprintf("no answer within %v", checkLimit), "see whether the disk, or the server behind it, hangs; keep the home on a local disk")
	case f := <-found:
		took := p.now().Sub(begun)
		if each.files && f.Result == resultOK && took >= slowNoticed {
			return problem(resultWarn, fmt.Sprintf("%s; but that took %v: the disk is slow", f.Found, took.Round(time.Second/10)),
				"keep the home on a local disk: a refresh makes dozens of such calls")
		}
		return f
	}
}

// homeUnusable is all that can be found where a home cannot be used.
func homeUnusable(err *config.HomeError) []finding {
	remedy := "name another folder with --home or BEZOAR_HOME"
	switch {
	case errors.Is(err, fs.ErrNotExist):
		remedy = "make the folder (mkdir -m 700), or " + remedy
	case errors.Is(err, fs.ErrPermission):
		remedy = "ask its owner to let you in, or " + remedy
	case err.Source != config.DefaultHome && err.Source != "--home":
		remedy = "set " + err.Source + " to a folder, or name one with --home"
	}
	found := problem(resultFail, fmt.Sprintf("%s (%s): %v", err.Path, err.Source, err.Err), remedy)
	found.Check = checks[0].name
	return []finding{found}
}

// homeMissing is all that can be found before there is a home.
func homeMissing(ctx context.Context, path string) []finding {
	found := passed("%s is not there yet; bezoar login makes it", path)
	above := filepath.Dir(path)
	for _, err := os.Stat(above); err != nil && above != filepath.Dir(above); _, err = os.Stat(above) {
		above = filepath.Dir(above)
	}
	if file.Open(above, file.Options{}).Probe(ctx) != nil {
		found = problem(resultFail, fmt.Sprintf("%s is not there, and nothing can be made in %s", path, above), "name a folder of your own with --home or BEZOAR_HOME")
	}
	found.Check = checks[0].name
	return []finding{found}
}

// report shows what was found.
func report(env cli.Environment, findings []finding, asJSON bool) error {
	if asJSON {
		return cli.PrintJSON(env.Stdout, map[string][]finding{"checks": findings})
	}
	p := cli.PaintFor(env.Stdout, env.Getenv)
	for _, each := range findings {
		if err := each.print(env.Stdout, p); err != nil {
			return err
		}
	}
	return nil
}

var colourOf = map[result]string{resultOK: cli.Green, resultWarn: cli.Yellow, resultFail: cli.Red}

func (f finding) print(out io.Writer, p cli.Paint) error {
	text := fmt.Sprintf("%s  %-11s  %s\n", p.In(colourOf[f.Result], fmt.Sprintf("%-4s", f.Result)), f.Check, cli.Printable(f.Found))
	if f.Remedy != nil {
		text += fmt.Sprintf("%19s→ %s\n", "", cli.Printable(*f.Remedy))
	}
	_, err := io.WriteString(out, text)
	return err
}

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/config"
	"github.com/bezoar-auth/bezoar/store"
	"github.com/bezoar-auth/bezoar/store/auto"
	"github.com/bezoar-auth/bezoar/store/disk"
)

var doctorCommand = command{
	name:    "doctor",
	summary: "Look for what could be wrong with this machine, and say what to do.",
	usage:   "[--offline] [--json] [flags]",
	about: `Looks at the home and its permissions, tries locks and the disk with files of its own
that it removes again, asks the keyring if one is in use, and sees whether the issuer
can be reached and what time it has. No token is sent to anybody.

Exit codes: 0 nothing is broken (warnings count as that), 5 something is.

Example: bezoar doctor --offline`,
	run: doctor,
}

// result is how a check came out.
type result string

const (
	ok      result = "ok"
	warning result = "warn" // it works, and could cost something
	failure result = "fail"
	skipped result = "skip" // it does not apply, or was not wanted
)

// finding is what a check found.
type finding struct {
	Check  string  `json:"check"`
	Result result  `json:"result"`
	Found  string  `json:"found"`
	Remedy *string `json:"remedy"`
}

func fine(format string, args ...any) finding {
	return finding{Result: ok, Found: fmt.Sprintf(format, args...)}
}

func skip(why string) finding { return finding{Result: skipped, Found: why} }

func bad(how result, found, remedy string) finding {
	return finding{Result: how, Found: printable(found), Remedy: &remedy}
}

// patient is what doctor looks at.
type patient struct {
	config  config.Config
	store   store.Store // that settles nothing
	ledger  store.Ledger
	lock    func(ctx context.Context, path string, poll time.Duration) (release func(), err error)
	now     func() time.Time
	offline bool
}

// check is one look at the patient. A check is bounded by checkLimit.
type check struct {
	name string
	look func(context.Context, *patient) finding
}

// checks in the order in which they are made: what comes first breaks the others.
var checks = []check{
	{"home", homeCheck},
	{"permissions", permissionCheck},
	{"settings", settingsCheck},
	{"login", loginCheck},
	{"ledger", ledgerCheck},
	{"lock", lockCheck},
	{"disk", diskCheck},
	{"keyring", keyringCheck},
	{"issuer", issuerCheck},
	{"clock", clockCheck},
}

const checkLimit = 15 * time.Second

// quiet is for what a finding says anyway.
var quiet = slog.New(slog.DiscardHandler)

func doctor(env environment, flags *flag.FlagSet, args []string) error {
	var settings config.Flags
	settings.Register(flags)
	offline := flags.Bool("offline", false, "ask nobody outside of this machine")
	asJSON := jsonFlag(flags)
	if err := parse(flags, args); err != nil {
		return err
	}
	c, isHomeless, err := peek(settings, env.getenv)
	missing, isHomeBad := errors.AsType[*config.HomeError](err)
	if err != nil && !isHomeBad {
		return err
	}
	ctx, stop := untilSignal()
	defer stop()
	var findings []finding
	switch {
	case isHomeBad:
		findings = noHome(missing)
	case isHomeless:
		findings = notYet(c.Home)
	default:
		p := &patient{
			config: c, store: storeOf(c, auto.Options{Log: quiet, Look: true}), ledger: ledgerOf(c, quiet),
			lock: disk.Lock, now: env.now, offline: *offline,
		}
		findings = p.examine(ctx)
	}
	if err := report(env, findings, *asJSON); err != nil {
		return err
	}
	for _, each := range findings {
		if each.Result == failure {
			return exiting(exitOperator, nil)
		}
	}
	return nil
}

func (p *patient) examine(ctx context.Context) []finding {
	var findings []finding
	for _, each := range checks {
		limited, cancel := context.WithTimeout(ctx, checkLimit)
		found := each.look(limited, p)
		cancel()
		found.Check = each.name
		findings = append(findings, found)
	}
	return findings
}

// noHome is all that can be found where a home cannot be used.
func noHome(err *config.HomeError) []finding {
	found := bad(failure, fmt.Sprintf("%s (%s): %v", err.Path, err.Source, err.Err),
		"make the folder, or name another with --home or BEZOAR_HOME")
	found.Check = checks[0].name
	return []finding{found}
}

// notYet is all that can be found before there is a home.
func notYet(path string) []finding {
	found := fine("%s is not there yet; bezoar login makes it", path)
	found.Check = checks[0].name
	return []finding{found}
}

// report shows what was found.
func report(env environment, findings []finding, asJSON bool) error {
	if asJSON {
		return printJSON(env.stdout, map[string][]finding{"checks": findings})
	}
	p := paintFor(env.stdout, env.getenv)
	for _, each := range findings {
		if err := each.print(env.stdout, p); err != nil {
			return err
		}
	}
	return nil
}

var colourOf = map[result]string{ok: green, warning: yellow, failure: red}

func (f finding) print(out io.Writer, p paint) error {
	_, err := fmt.Fprintf(out, "%s  %-11s  %s\n", p.in(colourOf[f.Result], fmt.Sprintf("%-4s", f.Result)), f.Check, f.Found)
	if f.Remedy != nil {
		_, err = fmt.Fprintf(out, "%19s→ %s\n", "", *f.Remedy)
	}
	return err
}

// unavailable is err without the words that a finding has said already.
func unavailable(err error) error {
	if of, ok := errors.AsType[*store.UnavailableError](err); ok {
		return of.Err
	}
	return err
}

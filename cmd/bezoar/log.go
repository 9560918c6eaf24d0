package main

import (
	"flag"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/config"
	"github.com/bezoar-auth/bezoar/store"
	"github.com/bezoar-auth/bezoar/store/file"
)

var logCommand = command{
	name:    "log",
	summary: "Print the ledger: every refresh, verdict, login and logout.",
	usage:   "[--json] [--follow] [flags]",
	about: `The audit trail of this home, the oldest first. Refresh tokens have fingerprints, and
an arrow leads from one to its successor. With --json the lines are printed as they
are in the ledger, one object each; with --follow new ones are printed as they come.

Example: bezoar log --json | jq 'select(.kind == "refused")'`,
	run: showLog,
}

func showLog(env environment, flags *flag.FlagSet, args []string) error {
	var settings config.Flags
	settings.Register(flags)
	asJSON := jsonFlag(flags)
	follow := flags.Bool("follow", false, "go on printing what is new, until Ctrl-C")
	if err := parse(flags, args); err != nil {
		return err
	}
	c, _, err := peek(settings, env.getenv)
	if err != nil {
		return err
	}
	show := showRow
	if *asJSON {
		show = showLine
	}
	t := &trail{path: filepath.Join(c.Home, file.LedgerName)}
	printed, err := t.print(env, show)
	if err != nil {
		return err
	}
	if *follow {
		return t.follow(env, show)
	}
	if printed == 0 && !*asJSON {
		logLine(env, "the ledger of "+c.Home+" is empty: nothing has happened there that it would tell of")
	}
	return nil
}

// followPause is how long a new line may go unseen. To look costs one stat.
const followPause = 500 * time.Millisecond

func (t *trail) follow(env environment, show func(environment, trailLine) error) error {
	ctx, stop := untilSignal()
	defer stop()
	pause := time.NewTicker(followPause)
	defer pause.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-pause.C:
		}
		if _, err := t.print(env, show); err != nil {
			return err
		}
	}
}

// print shows what is new in the ledger.
func (t *trail) print(env environment, show func(environment, trailLine) error) (printed int, err error) {
	lines, unreadable, err := t.news()
	if unreadable > 0 {
		logLine(env, fmt.Sprintf("%d lines of the ledger cannot be read and are left out", unreadable))
	}
	for _, each := range lines {
		if err := show(env, each); err != nil {
			return printed, err
		}
		printed++
	}
	return printed, err
}

func showLine(env environment, line trailLine) error {
	_, err := env.stdout.Write(line.raw)
	return err
}

func showRow(env environment, line trailLine) error {
	e := line.entry
	tokens := e.Key.Short()
	if e.Next != "" && e.Next != e.Key {
		tokens += " → " + e.Next.Short()
	}
	row := fmt.Sprintf("%s  %-8s  %-19s  %-8d  %s",
		e.At.In(env.now().Location()).Format(time.DateTime), e.Kind, tokens, e.PID, strings.Join(details(e, env.now()), ", "))
	_, err := fmt.Fprintln(env.stdout, strings.TrimRight(printable(row), " "))
	return err
}

// details are what an entry says besides, for people.
func details(e store.Entry, now time.Time) []string {
	var said []string
	for _, each := range []string{string(e.Method), string(e.Cause), string(e.Reason)} {
		if each != "" {
			said = append(said, strings.ReplaceAll(each, "_", " "))
		}
	}
	if e.Lost {
		said = append(said, "the answer was lost")
	}
	if e.Failures > 0 {
		said = append(said, fmt.Sprintf("failure %d", e.Failures))
	}
	if !e.NotBefore.IsZero() {
		said = append(said, "not before "+exactTime(e.NotBefore, now))
	}
	return said
}

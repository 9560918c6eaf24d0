package server

import (
	"context"
	"errors"
	"flag"
	"fmt"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/browser"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/cli"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/config"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/live"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/session"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/view"
	"github.com/bezoar-auth/bezoar/machine/engine"
	"github.com/bezoar-auth/bezoar/machine/persist"
)

// Inspect is bezoar inspect.
var Inspect = cli.Command{
	Name:    "inspect",
	Summary: "Open the live page of an app-server that shows one.",
	Usage:   "[--no-browser] [flags]",
	About: `An app-server that was started with --inspect shows its state on a page of this
machine: the states with the present one lit, who asked and what was posted to the
issuer, the snapshot and the ledger, without secrets. This command prints the page's
address and opens it in a browser if there is one. If several app-servers of
the home show a page, it is the one that was started last; standard error lists the
others. Everyone who has the address can look at the page until the app-server ends:
the browser gets it through a file that only you can read, never as an argument, and
--no-browser prints it to standard output alone.

Example: bezoar app-server --inspect 127.0.0.1:0
Example: bezoar inspect`,
	Run: inspect,
}

func inspect(env cli.Environment, flags *flag.FlagSet, args []string) error {
	var settings config.Flags
	settings.Register(flags)
	noBrowser := flags.Bool("no-browser", false, "print the address and open no browser")
	if err := cli.Parse(flags, args); err != nil {
		return err
	}
	c, _, err := session.Peek(settings, env.Getenv)
	if err != nil {
		return err
	}
	shown, err := live.PageFiles(c.Home)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintln(env.Stdout, shown[0].URL); err != nil {
		return err
	}
	for _, each := range shown[1:] {
		cli.LogLine(env, fmt.Sprintf("process %d has shown another page since %s: %s", each.PID, cli.DayTime(each.At, env.Now()), each.URL))
	}
	if !*noBrowser {
		visitPage(env, shown[0].URL)
	}
	return nil
}

// visitPage opens a browser, and waits until it has asked for the page.
func visitPage(env cli.Environment, url string) {
	opening, err := browser.Open(url, env.Getenv)
	if errors.Is(err, browser.ErrNone) {
		return // the address is printed
	}
	if err == nil {
		ctx, stop := cli.UntilSignal()
		defer stop()
		defer opening.Close()
		err = opening.Wait(ctx)
	}
	if err != nil {
		cli.LogNoBrowser(env, err)
	}
}

// pageOptions is what a server's live page is made of.
func pageOptions(version, backend string, auth *engine.Engine, ledger persist.Ledger) live.Options {
	options := live.Options{Source: auth, Words: view.PageWords{}, Backend: backend, Version: version}
	if _, ok := view.AuditOf(ledger); ok {
		options.Entries = func(context.Context) ([]persist.Entry, error) { return view.EntriesOf(ledger) }
	}
	return options
}

package main

import (
	"errors"
	"flag"
	"fmt"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/browser"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/config"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/live"
)

var inspectCommand = command{
	name:    "inspect",
	summary: "Open the live page of an app-server that shows one.",
	usage:   "[--no-browser] [flags]",
	about: `An app-server that was started with --inspect shows its state on a page of this
machine: the states with the present one lit, who asked and what was posted to the
issuer, the snapshot and the ledger, without secrets. This command prints the page's
address and opens it in a browser if there is one to see. If several app-servers of
the home show a page, it is the one that was started last; standard error lists the
others. Everyone who has the address can look at the page until the app-server ends:
the browser gets it through a file that only you can read, never as an argument, and
--no-browser prints it to standard output alone.

Example: bezoar app-server --inspect 127.0.0.1:0   (in the settings of an editor)
         bezoar inspect`,
	run: inspect,
}

var errNoPage = errors.New("no app-server of this home shows its state; start one with: bezoar app-server --inspect 127.0.0.1:0")

func inspect(env environment, flags *flag.FlagSet, args []string) error {
	var settings config.Flags
	settings.Register(flags)
	noBrowser := flags.Bool("no-browser", false, "print the address and open no browser")
	if err := parse(flags, args); err != nil {
		return err
	}
	c, _, err := peek(settings, env.getenv)
	if err != nil {
		return err
	}
	shown := live.PageFiles(c.Home)
	if len(shown) == 0 {
		return errNoPage
	}
	if _, err := fmt.Fprintln(env.stdout, shown[0].URL); err != nil {
		return err
	}
	for _, each := range shown[1:] {
		logLine(env, fmt.Sprintf("process %d has shown another page since %s: %s", each.PID, dayTime(each.At, env.now()), each.URL))
	}
	if !*noBrowser {
		visitPage(env, shown[0].URL)
	}
	return nil
}

// visitPage has a browser open the page, and waits until one has come.
func visitPage(env environment, url string) {
	opening, err := browser.Open(url, env.getenv)
	if errors.Is(err, browser.ErrNone) {
		return // the address is printed
	}
	if err == nil {
		ctx, stop := untilSignal()
		defer stop()
		defer opening.Close()
		err = opening.Wait(ctx)
	}
	if err != nil {
		logLine(env, "no browser has opened it ("+err.Error()+"): open the address yourself")
	}
}

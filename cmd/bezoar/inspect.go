package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/config"
)

var inspectCommand = command{
	name:    "inspect",
	summary: "Open the live page of an app-server that shows one.",
	usage:   "[--no-browser] [flags]",
	about: `An app-server that was started with --inspect shows its state on a page of this
machine: the states with the present one lit, who asked and what was posted to the
issuer, the snapshot and the ledger, without secrets. This command prints the page's
address and opens it in a browser if there is one to see. Whoever has the address may
look at the page until the app-server ends.

Example: bezoar app-server --inspect 127.0.0.1:0   (in the settings of an editor)
         bezoar inspect`,
	run: inspectLive,
}

func inspectLive(env environment, flags *flag.FlagSet, args []string) error {
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
	shown, err := readSign(signIn(c.Home))
	if err != nil {
		return err
	}
	if err := shown.visit(); err != nil {
		return err
	}
	if !*noBrowser {
		openBrowser(shown.URL, env.getenv)
	}
	_, err = fmt.Fprintln(env.stdout, shown.URL)
	return err
}

// sign tells where the page of a home is. It is for its owner alone, and of the
// app-server that was started last.
type sign struct {
	URL string `json:"url"`
	PID int    `json:"pid"`
}

func signIn(home string) string { return filepath.Join(home, "auth.inspect") }

var errNoPage = errors.New("no app-server of this home shows its state; start one with: bezoar app-server --inspect 127.0.0.1:0")

func readSign(path string) (sign, error) {
	content, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return sign{}, errNoPage
	}
	if err != nil {
		return sign{}, fmt.Errorf("look for the live page: %w", err)
	}
	var s sign
	if json.Unmarshal(content, &s) != nil || s.URL == "" {
		return sign{}, fmt.Errorf("%s cannot be read: %w", path, errNoPage)
	}
	return s, nil
}

// visitLimit is for a page of this machine, which is there or is not.
const visitLimit = 2 * time.Second

// visit reports an error if the page is not there any more: its program was
// killed, and somebody else may have the port by now.
func (s sign) visit() error {
	gone := fmt.Errorf("the app-server that showed its state (process %d) has ended: %w", s.PID, errNoPage)
	client := http.Client{Timeout: visitLimit, Transport: &http.Transport{DisableKeepAlives: true}} // no proxy
	response, err := client.Head(s.URL)
	if err != nil {
		return gone
	}
	response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return gone
	}
	return nil
}

// put writes the sign, whole or not at all.
func (s sign) put(path string) error {
	content, err := json.Marshal(s)
	if err != nil {
		return err
	}
	file, err := os.CreateTemp(filepath.Dir(path), ".auth.inspect-*") // for its owner alone
	if err != nil {
		return err
	}
	_, err = file.Write(append(content, '\n'))
	err = errors.Join(err, file.Close())
	if err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		os.Remove(file.Name())
	}
	return err
}

// take removes the sign, unless it is another program's by now.
func (s sign) take(path string) {
	if there, err := readSign(path); err == nil && there == s {
		os.Remove(path)
	}
}

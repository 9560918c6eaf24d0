package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/config"
	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/protocol/login"
	"github.com/bezoar-auth/bezoar/protocol/oauth"
	"github.com/bezoar-auth/bezoar/store"
)

var loginCommand = command{
	name:    "login",
	summary: "Log in: in a browser, with a code on another device, or with an API key.",
	usage:   "[--device | --with-api-key] [flags]",
	about: `Opens a browser if there is one, and prints the address in any case. With --device
it prints a code to type in on any other device. An API key is read from standard
input, one line, so that it shows up in no list of processes and in no history.
Ctrl-C cancels, and nothing is changed then.

Example: bezoar login --device
Example: printenv OPENAI_API_KEY | bezoar login --with-api-key`,
	run: logIn,
}

// loginFlags are the flags of login.
type loginFlags struct {
	device, withKey, noBrowser bool
	asJSON                     *bool
}

func logIn(env environment, flags *flag.FlagSet, args []string) error {
	var settings config.Flags
	var chosen loginFlags
	settings.Register(flags)
	flags.BoolVar(&chosen.device, "device", false, "log in with a code, on any device")
	flags.BoolVar(&chosen.withKey, "with-api-key", false, "read an API key from standard input")
	flags.BoolVar(&chosen.noBrowser, "no-browser", false, "print the address and open no browser")
	chosen.asJSON = jsonFlag(flags)
	rest, err := parseWords(flags, args)
	switch {
	case isKeyGiven(args), err == nil && len(rest) > 0:
		return errKeyGiven
	case err != nil:
		return err
	case chosen.device && chosen.withKey:
		return misuse("--device and --with-api-key are two ways; choose one")
	}
	outliveReaders()
	s, err := openSession(env, settings, nil)
	if err != nil {
		return err
	}
	ctx, stop := untilSignal()
	defer stop()
	err = s.logIn(ctx, env, chosen)
	state := *s.auth.Snapshot()
	s.close(ctx)
	if err != nil {
		return err
	}
	return tellLogin(env, state, *chosen.asJSON)
}

// errKeyGiven does not repeat what was given: it may be a key.
var errKeyGiven = misuse("nothing follows the flags, and --with-api-key takes no value: an API key is read from standard input")

// isKeyGiven reports whether there is something where a key is put by mistake,
// and would come back in the parser's error.
func isKeyGiven(args []string) bool {
	return slices.ContainsFunc(args, func(arg string) bool {
		return strings.HasPrefix(strings.TrimLeft(arg, "-"), "with-api-key=")
	})
}

func (s *session) logIn(ctx context.Context, env environment, chosen loginFlags) error {
	restriction := s.config.Restriction
	switch {
	case chosen.withKey && restriction.ForbidAPIKey:
		return errors.New("API key login is disabled by config.toml; log in with bezoar login")
	case chosen.withKey:
		return s.logInWithKey(ctx, env)
	case restriction.ForbidChatGPT:
		return errors.New("ChatGPT login is disabled by config.toml; log in with bezoar login --with-api-key")
	}
	desk := login.New(login.Options{Issuer: s.client, Save: s.auth.Login, Workspaces: restriction.Workspaces, Log: s.log})
	begin, show := desk.Browser, s.showAddress
	if chosen.device {
		begin, show = desk.Device, showCode
	}
	attempt := begin()
	defer context.AfterFunc(ctx, func() { desk.End(context.Background()) })()
	prompt, err := attempt.Prompt()
	if err == nil {
		leave := show(env, prompt, chosen)
		err = attempt.Wait()
		leave()
	}
	return explained(err)
}

// showAddress asks for a browser. None is opened where nobody would see it.
func (s *session) showAddress(env environment, prompt login.Prompt, chosen loginFlags) (leave func()) {
	fmt.Fprintf(env.stderr, "Open this address to log in:\n\n  %s\n\n", prompt.AuthURL)
	if !chosen.noBrowser && (isTerminal(env.stdin) || isTerminal(env.stderr)) {
		if opening, err := openBrowser(prompt.AuthURL, env.getenv); err == nil {
			fmt.Fprintln(env.stderr, "A browser is opening it. Ctrl-C cancels.")
			return opening.watch(func(err error) {
				fmt.Fprintf(env.stderr, "No browser has opened it (%s): open the address above yourself.\n", printable(err.Error()))
			})
		}
	}
	fmt.Fprintln(env.stderr, "Waiting for it to be opened on this machine. Ctrl-C cancels; for another\ndevice there is bezoar login --device.")
	return func() {}
}

func showCode(env environment, prompt login.Prompt, _ loginFlags) (leave func()) {
	fmt.Fprintf(env.stderr, "Open this address on any device:\n\n  %s\n\nand enter this code, if you started this login yourself:\n\n  %s\n\nWaiting. Ctrl-C cancels.\n",
		printable(prompt.VerificationURL), printable(prompt.UserCode))
	return func() {}
}

// explained is the end of a login with what to do about it.
func explained(err error) error {
	if _, ok := errors.AsType[*login.PortError](err); ok {
		return fmt.Errorf("%w; close the program that has it, or use bezoar login --device", err)
	}
	if unreachable, ok := errors.AsType[*oauth.UnreachableError](err); ok && unreachable.Problem != machine.ProblemCancelled {
		return forDoctor(err)
	}
	if _, ok := errors.AsType[login.Interruption](err); ok {
		return fmt.Errorf("%w; nothing has changed", err)
	}
	if _, ok := errors.AsType[*store.NotDurableError](err); ok {
		return &exit{exitOperator, forDoctor(err)}
	}
	return err
}

const (
	keyLimitBytes = 16 << 10
	saveLimit     = 10 * time.Second
)

func (s *session) logInWithKey(ctx context.Context, env environment) error {
	if isTerminal(env.stdin) {
		fmt.Fprintln(env.stderr, "Paste the API key and press Enter. It will be visible; to avoid that, pipe it in.")
	}
	key, err := readKey(ctx, env)
	if err != nil {
		return err
	}
	saving, cancel := context.WithTimeout(ctx, saveLimit)
	defer cancel()
	return explained(s.auth.Login(saving, machine.Credential{Method: machine.MethodAPIKey, APIKey: key}))
}

// readKey reads one line, or nothing if ctx ends first.
func readKey(ctx context.Context, env environment) (secret.Token, error) {
	type line struct {
		text string
		err  error
	}
	lines := make(chan line, 1)
	go func() { // it stays where it is if nothing comes: the program ends
		text, err := bufio.NewReader(io.LimitReader(env.stdin, keyLimitBytes+1)).ReadString('\n')
		lines <- line{text, err}
	}()
	select {
	case <-ctx.Done():
		return secret.Token{}, explained(login.NotCompleted)
	case read := <-lines:
		text, isMarked := strings.CutPrefix(read.text, "\ufeff")
		if isMarked { // by PowerShell, in a pipe
			logLine(env, "left out the byte order mark that came before the key")
		}
		key := strings.TrimSpace(text)
		switch {
		case read.err != nil && !errors.Is(read.err, io.EOF):
			return secret.Token{}, errors.New("standard input cannot be read")
		case key == "":
			return secret.Token{}, errors.New("there is no API key on standard input")
		case len(key) > keyLimitBytes || strings.ContainsFunc(key, isNoKey):
			return secret.Token{}, errors.New("what is on standard input is no API key")
		}
		return secret.New(key), nil
	}
}

func isNoKey(r rune) bool { return r > unicode.MaxASCII || !unicode.IsPrint(r) || r == ' ' }

// loginReport is a login for programs.
type loginReport struct {
	Method      string  `json:"method"`
	Email       *string `json:"email"`
	PlanType    *string `json:"planType"`
	Fingerprint string  `json:"fingerprint"`
}

func tellLogin(env environment, s machine.State, asJSON bool) error {
	if asJSON {
		return printJSON(env.stdout, loginReport{
			string(s.Credential.Method), nullable(s.Account.Email), nullable(s.Account.PlanType), s.Credential.Fingerprint().Short(),
		})
	}
	_, err := fmt.Fprintln(env.stdout, "Logged in "+name(s)+".")
	return err
}

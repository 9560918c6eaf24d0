// Package account has the commands on the login of a home: login, logout, status, why,
// token and log, and the process that makes a refresh for token.
package account

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/term"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/browser"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/cli"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/config"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/session"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/view"
	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/evidence"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/protocol"
	"github.com/bezoar-auth/bezoar/protocol/legible"
	"github.com/bezoar-auth/bezoar/protocol/login"
	"github.com/bezoar-auth/bezoar/protocol/oauth"
	"github.com/bezoar-auth/bezoar/protocol/profile"
)

// Login is bezoar login.
var Login = cli.Command{
	Name:    "login",
	Summary: "Log in: in a browser, with a code on another device, or with an API key.",
	Usage:   "[--device | --with-api-key] [--issuer PROFILE] [flags]",
	About: `Opens a browser if there is one, and prints the address to standard error in any case.
Keep the address private: with it another person can finish the login with another
account. The browser gets it through a file that only you can read, never as an
argument. With --device it prints a code to enter on any other device. With
--with-api-key it reads an API key, the first line, from standard input, so that the key is in
no list of processes and in no history; a terminal does not show it. Ctrl-C cancels
without any change, with exit code 130.

With --account NAME and --issuer PROFILE the login makes the account NAME of this home, with
a login of its own: PROFILE is [issuers.PROFILE] of config.toml, or codex. Its issuer is
asked for its endpoints first. Nothing is made if the login fails. A later login of the
account needs no --issuer.

With --resource URL the login makes an account for a protected resource, such as an MCP
server: it is asked who issues its tokens, and bezoar registers there as a client, unless
config.toml has one for that issuer. The account has the name of the host, or that of
--account. bezoar token --resource URL and bezoar mcp-proxy URL use it.

With --json the result is an object on standard output. With --device --json two lines
come there, an object each: verificationUrl and userCode at once, then the result.

Example: bezoar login --device
Example: bezoar login --issuer keycloak --account work
Example: bezoar login --resource https://mcp.example.com/mcp
Example: printenv OPENAI_API_KEY | bezoar login --with-api-key`,
	Run: logIn,
}

// loginFlags are the flags of login.
type loginFlags struct {
	device, withKey, noBrowser bool
	issuer                     string
	scopes                     string // separated by blanks, besides those that a resource names
	asJSON                     *bool
}

func logIn(env cli.Environment, flags *flag.FlagSet, args []string) error {
	var settings config.Flags
	var chosen loginFlags
	settings.Register(flags)
	flags.BoolVar(&chosen.device, "device", false, "log in with a code, on any device")
	flags.BoolVar(&chosen.withKey, "with-api-key", false, "read an API key from standard input")
	flags.BoolVar(&chosen.noBrowser, "no-browser", false, "print the address and open no browser")
	flags.StringVar(&chosen.issuer, "issuer", "", "make the account at the issuer of this `profile`, which bezoar issuer list has")
	flags.StringVar(&chosen.scopes, "scope", "", "with --resource: ask for these `scopes` too, separated by blanks")
	chosen.asJSON = cli.JSONFlag(flags)
	rest, err := cli.ParseWords(flags, args)
	switch {
	case isKeyGiven(args), err == nil && len(rest) > 0:
		return errKeyGiven
	case err != nil:
		return err
	case chosen.device && chosen.withKey:
		return cli.Misuse("--device and --with-api-key are two ways; choose one")
	case chosen.scopes != "" && settings.Resource == "":
		return cli.Misuse("--scope goes with --resource")
	}
	settings.NewAccountOf = chosen.issuer
	cli.IgnoreBrokenPipes()
	ctx, stop := cli.UntilSignal()
	defer stop()
	if settings.Resource != "" {
		if settings, err = prepareResource(ctx, env, settings, chosen); err != nil {
			return err
		}
		chosen.issuer = ""
	}
	c, err := prepare(ctx, env, settings, chosen)
	if err != nil {
		return err
	}
	s, err := session.On(env, c)
	if err != nil {
		return err
	}
	if err := checkPublished(env, s.Config.Home); err != nil {
		s.Close(ctx)
		return err
	}
	made := &newLogin{Session: s, undo: func() {}}
	err = made.logIn(ctx, env, chosen)
	s.Close(ctx)
	if err = made.explained(ctx, err); err != nil {
		made.undo()
		return err
	}
	return printLogin(env, s.Engine.Snapshot(), s.Config, chosen)
}

// prepare is the configuration of the home, or of the account that the login is to make. If
// it is one of an issuer that publishes its endpoints, it is asked for them.
func prepare(ctx context.Context, env cli.Environment, settings config.Flags, chosen loginFlags) (config.Config, error) {
	c, err := session.Load(settings, env.Getenv)
	if unknown, ok := errors.AsType[*profile.UnknownError](err); ok {
		return c, cli.Misuse("%v", unknown)
	}
	if err != nil {
		return c, err
	}
	session.Warn(env, c)
	switch {
	case chosen.issuer != "" && chosen.issuer != profile.CodexName && c.Account.Name == "":
		return c, cli.Misuse("name the account that the login makes: bezoar login --issuer %s --account NAME", cli.ShellWord(legible.Brief(chosen.issuer)))
	case chosen.withKey && !c.IsCodex():
		return c, cli.Misuse("--with-api-key is for logins of Codex, and account %s is one of the profile %s", c.Account.Name, c.Account.Profile)
	}
	client := session.NewIssuer(c, env.Getenv, session.Quiet)
	if err := session.Discover(ctx, &c, client, env.Now()); ctx.Err() != nil {
		return c, cli.ErrCancelled
	} else if err != nil {
		return c, cli.Exit(cli.ExitOperator, fmt.Errorf("the issuer does not say where to log in: %w; bezoar issuer check %s says what to do",
			err, cli.ShellWord(legible.Brief(c.Account.Profile))))
	}
	return c, nil
}

// errKeyGiven does not repeat the argument: it may be a key.
var errKeyGiven = cli.Misuse("nothing follows the flags, and --with-api-key takes no value: an API key is read from standard input")

// isKeyGiven reports whether --with-api-key has a value, which may be a key and which
// the parser's error would repeat.
func isKeyGiven(args []string) bool {
	return slices.ContainsFunc(args, func(arg string) bool {
		return strings.HasPrefix(strings.TrimLeft(arg, "-"), "with-api-key=")
	})
}

// checkPublished refuses to put a login in the place of a published one, which would end
// bezoar publish, and warns where one may come back.
func checkPublished(env cli.Environment, home string) error {
	if from := view.PublishedLogin(home); from != "" {
		return fmt.Errorf("the login of %s is published by bezoar from %s: log in there, with bezoar login --home %s. To give %s a login of its own, end bezoar publish and run bezoar logout there first",
			home, from, cli.ShellWord(from), home)
	}
	if from := view.MarkedFrom(home); from != "" {
		cli.LogLine(env, fmt.Sprintf("%s was published to from %s: to go on with that, cancel this, and log in there: bezoar login --home %s. A login here ends bezoar publish",
			home, from, cli.ShellWord(from)))
	}
	return nil
}

// newLogin is a login under way, and the credential that it has given to the store.
type newLogin struct {
	*session.Session
	given *machine.Credential // nil for none yet
	undo  func()              // takes back the account that it has made
}

func (l *newLogin) logIn(ctx context.Context, env cli.Environment, chosen loginFlags) error {
	restriction := l.Config.Restriction
	switch {
	case chosen.withKey && restriction.ForbidAPIKey:
		return errors.New("API key login is disabled by config.toml; log in with bezoar login")
	case chosen.withKey:
		return l.logInWithKey(ctx, env)
	case restriction.ForbidTokens:
		return errors.New("ChatGPT login is disabled by config.toml; log in with bezoar login --with-api-key")
	}
	logins := login.New(login.Options{Issuer: l.Client, Save: l.save, Restriction: restriction, Log: l.Log})
	begin, show := logins.Browser, l.showAddress
	if chosen.device {
		begin, show = logins.Device, showCode
	}
	attempt := begin()
	defer context.AfterFunc(ctx, func() { logins.End(context.Background()) })()
	prompt, err := attempt.Prompt()
	if err == nil {
		leave := show(env, prompt, chosen)
		err = attempt.Wait()
		leave()
		if note := attempt.Note(); err == nil && note != "" {
			cli.LogLine(env, note)
		}
	}
	return err
}

// save stores a login and records it. It makes the account before, so that a login has one
// wherever this process dies.
func (l *newLogin) save(ctx context.Context, c machine.Credential) error {
	if l.Config.Account.Name != "" {
		undo, err := l.Config.Account.Save(l.Config.Root)
		if err != nil {
			return &persist.NotDurableError{Err: fmt.Errorf("the account cannot be made: %w", err)}
		}
		l.undo = undo
	}
	l.given = &c
	return l.Engine.Login(ctx, c)
}

// isSaved reports whether the store has the login by now: a slow disk may have taken
// longer than the wait for it.
func (l *newLogin) isSaved() bool {
	if l.given == nil {
		return false
	}
	ctx, cancel := context.WithTimeout(context.Background(), view.LookLimit)
	defer cancel()
	record, err := l.Store.Load(ctx)
	return err == nil && record.Credential.Equal(*l.given)
}

// showAddress prints the address and opens a browser if the user can see one.
func (l *newLogin) showAddress(env cli.Environment, prompt login.Prompt, chosen loginFlags) (leave func()) {
	fmt.Fprintf(env.Stderr, "Open this address to log in:\n\n  %s\n\n", prompt.AuthURL)
	if !chosen.noBrowser && (cli.IsTerminal(env.Stdin) || cli.IsTerminal(env.Stderr)) {
		if opening, err := browser.Open(prompt.AuthURL, env.Getenv); err == nil {
			fmt.Fprintln(env.Stderr, "A browser is opening it. Ctrl-C cancels.")
			return opening.Watch(func(err error) {
				fmt.Fprintf(env.Stderr, "No browser has opened it (%s): open the address above yourself.\n", legible.Line(err.Error()))
			})
		}
	}
	fmt.Fprintln(env.Stderr, "Waiting until it is opened on this machine. Ctrl-C cancels. To log in on another\ndevice: bezoar login --device.")
	return func() {}
}

// DevicePrompt is the prompt of a device login, as JSON. Its members are named as in the answer to account/login/start.
type DevicePrompt struct {
	VerificationURL string `json:"verificationUrl"`
	UserCode        string `json:"userCode"`
	CompleteURL     string `json:"verificationUrlComplete,omitempty"` // with the code in it, if the issuer gives one
}

func showCode(env cli.Environment, prompt login.Prompt, chosen loginFlags) (leave func()) {
	if *chosen.asJSON {
		_ = cli.PrintJSONLine(env.Stdout, DevicePrompt{prompt.VerificationURL, prompt.UserCode, prompt.CompleteURL}) // if it fails, printing the result fails as well
	}
	fmt.Fprintf(env.Stderr, "Open this address on any device:\n\n  %s\n\nand enter this code, if you started this login yourself:\n\n  %s\n\n",
		legible.Line(prompt.VerificationURL), legible.Line(prompt.UserCode))
	if prompt.CompleteURL != "" {
		fmt.Fprintf(env.Stderr, "This address has the code in it, compare the two:\n\n  %s\n\n", legible.Line(prompt.CompleteURL))
	}
	fmt.Fprintln(env.Stderr, "Waiting. Ctrl-C cancels.")
	return func() {}
}

// explained is the error of a login in words for the user, with what to do next.
func (l *newLogin) explained(ctx context.Context, err error) error {
	port, noPort := errors.AsType[*login.PortError](err)
	unreachable, unreached := errors.AsType[*oauth.UnreachableError](err)
	failed, refused := errors.AsType[*login.FailedError](err)
	undurable, notDurable := errors.AsType[*persist.NotDurableError](err)
	status, answered := errors.AsType[*oauth.StatusError](err)
	interruption, interrupted := errors.AsType[login.Interruption](err)
	switch {
	case err == nil, l.isSaved():
		return nil
	case ctx.Err() != nil && (interrupted || errors.Is(err, context.Canceled)):
		return cli.ErrCancelled
	case noPort:
		return fmt.Errorf("no port for the browser's answer: %w (tried: %s); close a program that has one, or use bezoar login --device",
			port, strings.Join(port.Tried, ", "))
	case unreached && unreachable.Problem == evidence.ProblemPlainHTTP && len(l.Config.Warnings) > 0:
		return cli.Exit(cli.ExitError, nil) // a warning has said it
	case unreached && unreachable.Problem != evidence.ProblemCancelled:
		return cli.ForDoctor(err)
	case interruption == login.Cancelled:
		return errors.New("another login was started on this machine and took over the port; nothing has changed. Run bezoar login again, or bezoar login --device")
	case interrupted:
		return fmt.Errorf("%w; nothing has changed", interruption)
	case notDurable:
		return cli.Exit(cli.ExitOperator, cli.ForDoctor(fmt.Errorf("the new login is not stored: %w", cli.WithoutPrefix(undurable))))
	case errors.Is(err, context.DeadlineExceeded):
		return cli.Exit(cli.ExitOperator, cli.ForDoctor(errors.New("the store is too slow: it did not report in time whether it has the new login; bezoar status shows it later")))
	case answered && status.Call == oauth.DevicePoll:
		return errors.New("the login was denied at the issuer, or the code has expired; nothing has changed")
	case refused && failed.Code == "access_denied": // RFC 6749 section 4.1.2.1
		return errors.New("you or the issuer refused the login; nothing has changed")
	}
	return err
}

const keyLimitBytes = 16 << 10

func (l *newLogin) logInWithKey(ctx context.Context, env cli.Environment) error {
	key, err := readKey(ctx, env)
	if err != nil {
		return err
	}
	return l.save(ctx, machine.Credential{Method: machine.MethodAPIKey, APIKey: key})
}

// readKey reads one line, or returns NotCompleted if ctx ends first.
func readKey(ctx context.Context, env cli.Environment) (secret.Token, error) {
	type line struct {
		text string
		err  error
	}
	lines := make(chan line, 1)
	readLine, show := lineOf(env)
	defer show()
	go func() { // without input it stays here until the program ends
		text, err := readLine()
		lines <- line{text, err}
	}()
	select {
	case <-ctx.Done():
		return secret.Token{}, login.NotCompleted
	case read := <-lines:
		text, marked := strings.CutPrefix(read.text, "\ufeff")
		if marked { // by PowerShell, in a pipe
			cli.LogLine(env, "left out the byte order mark that came before the key")
		}
		key := strings.TrimSpace(text)
		switch {
		case errors.Is(read.err, errLeft):
			return secret.Token{}, cli.ErrCancelled
		case read.err != nil && !errors.Is(read.err, io.EOF):
			return secret.Token{}, errors.New("standard input cannot be read")
		case key == "":
			return secret.Token{}, errors.New("no API key on standard input")
		case len(key) > keyLimitBytes || strings.ContainsFunc(key, notInKey):
			return secret.Token{}, errors.New("standard input does not hold an API key")
		}
		return secret.New(key), nil
	}
}

// errLeft reports that the user left the prompt with Ctrl-C or Ctrl-D.
var errLeft = errors.New("the prompt was left")

// lineOf returns a function that reads one line of standard input without an echo, and
// one that turns the echo on again: the user pastes a secret. The line of a terminal is
// read in raw mode, in which Ctrl-D ends the input: term.ReadPassword goes on reading.
func lineOf(env cli.Environment) (read func() (string, error), show func()) {
	if !cli.IsTerminal(env.Stdin) {
		input := bufio.NewReader(io.LimitReader(env.Stdin, keyLimitBytes+1))
		return func() (string, error) { return input.ReadString('\n') }, func() {}
	}
	terminal := int(env.Stdin.(*os.File).Fd())
	fmt.Fprint(env.Stderr, "Paste the API key and press Enter. It is not shown: ")
	before, err := term.MakeRaw(terminal)
	read = func() (string, error) {
		if err != nil {
			return "", err
		}
		input := struct {
			io.Reader
			io.Writer
		}{env.Stdin, io.Discard}
		line, err := term.NewTerminal(input, "").ReadPassword("")
		if errors.Is(err, io.EOF) {
			err = errLeft
		}
		return line, err
	}
	return read, func() {
		if err == nil {
			term.Restore(terminal, before) // the read may still wait, with the echo off
		}
		fmt.Fprintln(env.Stderr)
	}
}

func notInKey(r rune) bool { return r > unicode.MaxASCII || !unicode.IsPrint(r) || r == ' ' }

// LoginReport is the outcome of a login, as JSON.
type LoginReport struct {
	Method      string  `json:"method"`
	Email       *string `json:"email"`
	PlanType    *string `json:"planType"`
	Fingerprint string  `json:"fingerprint"`
}

func printLogin(env cli.Environment, s machine.Snapshot, c config.Config, chosen loginFlags) error {
	if *chosen.asJSON {
		print := cli.PrintJSON
		if chosen.device { // a prompt was printed before
			print = cli.PrintJSONLine
		}
		return print(env.Stdout, LoginReport{
			string(s.LoginMethod()), protocol.Nullable(s.Account().Email), protocol.Nullable(s.Account().PlanType), s.Access().Short(),
		})
	}
	_, err := fmt.Fprintln(env.Stdout, "Logged in "+NameOf(s, c.IssuerName())+".")
	return err
}

// NameOf is the account or the method of a login at an issuer, in words.
func NameOf(s machine.Snapshot, issuer string) string {
	switch {
	case s.LoginMethod() == machine.MethodAPIKey:
		return "with an API key"
	case s.Account().Email == "":
		return "with " + legible.Line(issuer)
	case s.Account().PlanType == "":
		return "as " + legible.Line(s.Account().Email)
	}
	return fmt.Sprintf("as %s (%s)", legible.Line(s.Account().Email), legible.Line(s.Account().PlanType))
}

// Package demo has the commands that need no real login: a show of polls with a dead
// refresh token, and an issuer to try everything with.
package demo

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/cli"
	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/endpoint"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/protocol/oauth"
	"github.com/bezoar-auth/bezoar/protocol/oauth/issuer"
	"github.com/bezoar-auth/bezoar/store/file"
)

// Command is bezoar demo.
var Command = cli.Command{
	Name:    "demo",
	Summary: "Show that polls with a dead login make one refresh, on this machine.",
	Usage:   "[--polls N] [--page] [--naive] | --backend CODEX",
	About: `Starts an issuer on loopback, and a home with a login whose refresh token is dead. An
editor polls the real app-server on that home, before and after a new login. Then a
plain client of golang.org/x/oauth2 makes the same polls; --naive shows it to its end.
With --page everything runs slowly enough to watch it on the live page in a browser,
until you press Enter. The demo sends nothing outside this machine and leaves nothing
behind.

With --backend three clients work through a real codex instead: with a login that has
expired, one that is refused in a turn, one that is dead, and a new one. All that the
codex talks to is on this machine too, its model among it.

Example: bezoar demo --page --polls 200
         bezoar demo --backend 'codex app-server'`,
	Run: demo,
}

// demoLimit bounds each half of a demo, but not the time for looking at the page.
const demoLimit = 2 * time.Minute

func demo(env cli.Environment, flags *flag.FlagSet, args []string) error {
	polls := flags.Int("polls", 1000, "make `N` requests for a token")
	page := flags.Bool("page", false, "go slowly, and show the live page in a browser")
	noBrowser := flags.Bool("no-browser", false, "print the page's address and open no browser")
	whole := flags.Bool("naive", false, "show the plain client to its end")
	backend := flags.String("backend", "", "show a day with this `command`, a real codex app-server, instead")
	if err := cli.Parse(flags, args); err != nil {
		return err
	}
	if *polls < 1 {
		return cli.Misuse("--polls takes a number above 0")
	}
	if *backend != "" && flags.NFlag() > 1 {
		return cli.Misuse("--backend goes with no other flag of the demo")
	}
	signals, env, stop := cli.UntilSignalOrHangup(env)
	defer stop()
	if *backend != "" {
		return showDay(signals, env, *backend)
	}
	s, err := newShow(env)
	if err != nil {
		return err
	}
	defer s.close()
	s.polls, s.withPage, s.noBrowser, s.plainWhole = *polls, *page, *noBrowser, *whole
	err = s.run(signals)
	if signals.Err() != nil {
		return errInterrupted
	}
	return err
}

var errInterrupted = errors.New("interrupted; nothing is left behind")

// show is one run of the demo.
type show struct {
	env    cli.Environment
	issuer *issuer.Issuer
	url    string
	client *oauth.Client // of another program
	home   string

	environment []string // of the servers, besides this program's
	stop        func()   // ends the issuer
	leave       func()   // ends the wait for a browser; nil for none

	polls                           int
	withPage, noBrowser, plainWhole bool
}

// openHome makes a temporary home, and a port for its issuer that
// only this machine can reach, because it checks no password. 0 is any port.
func openHome(port uint) (home string, listener net.Listener, err error) {
	home, err = os.MkdirTemp("", "bezoar-demo-")
	if err != nil {
		return "", nil, err
	}
	listener, err = net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err == nil {
		err = os.WriteFile(filepath.Join(home, "config.toml"), fmt.Appendf(nil, "chatgpt_base_url = %q\n", urlOf(listener)+backendPath), 0o600)
	}
	if err != nil {
		if listener != nil {
			listener.Close()
		}
		return "", nil, errors.Join(err, os.RemoveAll(home))
	}
	return home, listener, nil
}

// The backend of a demo is at the host of its issuer, so that no token goes elsewhere.
const (
	backendPath = "/backend-api"
	usagePath   = backendPath + "/wham/usage"
)

func urlOf(listener net.Listener) string { return "http://" + listener.Addr().String() }

func newShow(env cli.Environment) (*show, error) {
	home, listener, err := openHome(0)
	if err != nil {
		return nil, err
	}
	s := &show{env: env, home: home, issuer: issuer.New(issuer.Options{}), url: urlOf(listener) + "/oauth/token"}
	s.environment = []string{"BEZOAR_REFRESH_TOKEN_URL_OVERRIDE=" + s.url}
	s.client = oauth.New(oauth.Options{})
	server := &http.Server{Handler: s.issuer, ReadHeaderTimeout: time.Minute}
	s.stop = func() { server.Close() }
	go server.Serve(listener)
	return s, nil
}

func (s *show) close() {
	if s.leave != nil {
		s.leave()
	}
	s.stop()
	os.RemoveAll(s.home)
}

// run shows everything, unless ctx ends.
func (s *show) run(ctx context.Context) error {
	s.say("An issuer listens on loopback. Ada logged in nine days ago, and her home has an")
	s.say("auth.json whose refresh token was used since: it is dead, but no program knows yet.")
	dead, err := s.deadLogin(ctx)
	if err != nil {
		return err
	}
	if err := s.runEditor(ctx); err != nil {
		return err
	}
	s.say("\nThe naive way, a plain client of golang.org/x/oauth2 with the same dead token:")
	return s.runPlainClient(ctx, dead)
}

// errUnexpected reports a fault of this program: the demo shows what it promises.
var errUnexpected = errors.New("the demo did not go as it should; please report it")

func (s *show) runEditor(signals context.Context) error {
	ctx, cancel := context.WithTimeout(signals, demoLimit)
	defer cancel()
	before := s.issuer.Counts().Posts
	editor, err := s.startEditor(ctx)
	if err != nil {
		return err
	}
	err = s.pollTwice(ctx, editor, before)
	if err == nil {
		err = s.waitForEnter(signals)
	}
	log := editor.close()
	if err != nil && signals.Err() == nil {
		log.WriteTo(s.env.Stderr)
	}
	return err
}

// pollTwice polls with the dead login, and with a good one. before is how many
// posts the issuer had when the server was started.
func (s *show) pollTwice(ctx context.Context, editor *editor, before int) error {
	s.say("\nHer editor starts `bezoar app-server` and asks %d times for its token.", s.polls)
	began := time.Now()
	handedOut, err := s.poll(ctx, editor, s.polls)
	if err != nil {
		return err
	}
	posts := s.issuer.Counts().Posts - before
	s.row("polls answered", s.polls, "in "+time.Since(began).Round(time.Millisecond).String())
	s.row("tokens handed out", handedOut, "the login method stays visible: log in again")
	s.row("posts at the issuer", posts, "refused as refresh_token_reused, and not sent again")

	s.say("\nAda logs in again, in another program. The editor goes on polling.")
	if err := s.login(ctx); err != nil {
		return err
	}
	again, err := s.poll(ctx, editor, 10)
	if err != nil {
		return err
	}
	s.row("polls answered", 10, "")
	s.row("tokens handed out", again, "from the first poll on, without a restart")
	s.row("posts at the issuer", s.issuer.Counts().Posts-before-posts, "")
	if handedOut != 0 || posts != 1 || again != 10 {
		return errUnexpected
	}
	return nil
}

func (s *show) runPlainClient(ctx context.Context, dead secret.Token) error {
	ctx, cancel := context.WithTimeout(ctx, demoLimit)
	defer cancel()
	client := plainClient(ctx, s.url, dead)
	tokens, posts, replays := s.pollPlainClient(client, s.polls)
	s.row("posts at the issuer", posts, "each of them refused")
	if tokens != 0 || posts != s.polls || replays != posts {
		return errUnexpected
	}
	if !s.plainWhole {
		return nil
	}
	s.say("\nAda logs in again, in another program. The client only knows its own memory.")
	if err := s.login(ctx); err != nil {
		return err
	}
	tokens, posts, _ = s.pollPlainClient(client, 10)
	s.row("polls answered", 10, "")
	s.row("tokens handed out", tokens, "until it is restarted")
	s.row("posts at the issuer", posts, "and so on, from every such program")
	return nil
}

// deadLogin stores a login whose refresh token another program has used since, and
// returns that token.
func (s *show) deadLogin(ctx context.Context) (secret.Token, error) {
	long := time.Now().Add(-9 * 24 * time.Hour)
	grant := s.issuer.Login(issuer.Ada, long)
	if err := s.store(ctx, grant, long); err != nil {
		return secret.Token{}, err
	}
	return grant.RefreshToken, s.spend(ctx, grant.RefreshToken)
}

// spend uses a refresh token in another program, so that it is dead in every other.
func (s *show) spend(ctx context.Context, refresh secret.Token) error {
	names := machine.Issuer{TokenEndpoint: s.url, ClientID: oauth.DefaultClientID}
	if _, granted := s.client.Refresh(ctx, names, refresh, endpoint.CauseOld).(endpoint.Issued); !granted {
		return errors.New("the issuer on loopback does not answer")
	}
	return nil
}

func (s *show) login(ctx context.Context) error {
	now := time.Now()
	return s.store(ctx, s.issuer.Login(issuer.Ada, now), now)
}

func (s *show) store(ctx context.Context, grant endpoint.TokenResponse, at time.Time) error {
	return file.Open(s.home, file.Options{}).Replace(ctx, machine.Credential{
		Method: machine.MethodTokens, IDToken: grant.IDToken, AccessToken: grant.AccessToken,
		RefreshToken: grant.RefreshToken, AccountID: issuer.Ada.ID, LastRefresh: at,
	})
}

func (s *show) say(format string, args ...any) { fmt.Fprintf(s.env.Stdout, format+"\n", args...) }

func (s *show) row(what string, count int, remark string) {
	fmt.Fprintf(s.env.Stdout, "  %-20s %6d  %s\n", what, count, remark)
}

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

var Command = cli.Command{
	Name:    "demo",
	Summary: "Show the storm that does not happen, against an issuer on this machine.",
	Usage:   "[--polls N] [--page [--no-browser]] [--naive]",
	About: `An issuer starts on loopback, and a home gets a login whose refresh token is dead.
The real app-server is started on it and polled as an editor would; then somebody
logs in again. The same polls are made with a plain client of golang.org/x/oauth2,
whose whole story --naive tells. With --page all of it is slow enough to be watched on
the live page in a browser, until Enter is pressed. Nothing outside of this machine is
asked, and nothing stays behind.

Example: bezoar demo --page --polls 200`,
	Run: demo,
}

// demoLimit bounds each half of a demo, but not how long somebody looks at it.
const demoLimit = 2 * time.Minute

func demo(env cli.Environment, flags *flag.FlagSet, args []string) error {
	polls := flags.Int("polls", 1000, "how often the editor asks for its token, `N` times")
	page := flags.Bool("page", false, "go slowly, and show the live page in a browser")
	noBrowser := flags.Bool("no-browser", false, "print the page's address and open no browser")
	whole := flags.Bool("naive", false, "tell the story of the plain client to its end")
	if err := cli.Parse(flags, args); err != nil {
		return err
	}
	if *polls < 1 {
		return cli.Misuse("--polls wants a number above 0")
	}
	signals, stop := cli.UntilSignalOrHangup()
	defer stop()
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

var errInterrupted = errors.New("interrupted; nothing stays behind")

// story is the demo with everything it plays with.
type show struct {
	env    cli.Environment
	issuer *issuer.Issuer
	url    string
	client *oauth.Client // of somebody who is not bezoar
	home   string
	server *http.Server

	leave func() // ends what waits for a browser; nil for nothing

	polls                           int
	withPage, noBrowser, plainWhole bool
}

// openStage is where an issuer of ours plays: a home of its own, and a port that
// this machine alone can reach, for it asks nobody who they are. 0 is any port.
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

// The backend of a demo is at its issuer's host, so that no token goes elsewhere.
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
	s.client = oauth.New(oauth.Options{})
	s.server = &http.Server{Handler: s.issuer, ReadHeaderTimeout: time.Minute}
	go s.server.Serve(listener)
	return s, nil
}

func (s *show) close() {
	if s.leave != nil {
		s.leave()
	}
	s.server.Close()
	os.RemoveAll(s.home)
}

// tell tells all of it, unless ctx ends.
func (s *show) run(ctx context.Context) error {
	s.say("An issuer listens on loopback. Ada logged in nine days ago, and her home has an")
	s.say("auth.json whose refresh token was used since: it is dead, and she does not know.")
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

// errOtherStory is a fault of this program: the demo shows what it promises.
var errUnexpected = errors.New("this is not how the story goes; please report it")

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
	s.row("tokens handed out", handedOut, "the method stays visible: log in again, not logged out")
	s.row("posts at the issuer", posts, "refresh_token_reused, and no further question")

	s.say("\nAda logs in again, in another program. The editor goes on polling.")
	if err := s.login(ctx); err != nil {
		return err
	}
	again, err := s.poll(ctx, editor, 10)
	if err != nil {
		return err
	}
	s.row("polls answered", 10, "")
	s.row("tokens handed out", again, "from the first one on, without a restart")
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
	s.say("\nAda logs in again, in another program. The client knows its own memory alone.")
	if err := s.login(ctx); err != nil {
		return err
	}
	tokens, posts, _ = s.pollPlainClient(client, 10)
	s.row("polls answered", 10, "")
	s.row("tokens handed out", tokens, "until somebody restarts it")
	s.row("posts at the issuer", posts, "and so on, from every program like it")
	return nil
}

// deadLogin puts a login into the home whose refresh token somebody has used
// since, and returns that token.
func (s *show) deadLogin(ctx context.Context) (secret.Token, error) {
	long := time.Now().Add(-9 * 24 * time.Hour)
	grant := s.issuer.Login(issuer.Ada, long)
	if err := s.store(ctx, grant, long); err != nil {
		return secret.Token{}, err
	}
	names := machine.Issuer{TokenEndpoint: s.url, ClientID: oauth.DefaultClientID}
	if _, granted := s.client.Refresh(ctx, names, grant.RefreshToken, endpoint.CauseOld).(endpoint.Issued); !granted {
		return secret.Token{}, errors.New("the issuer on loopback does not answer")
	}
	return grant.RefreshToken, nil
}

func (s *show) login(ctx context.Context) error {
	now := time.Now()
	return s.store(ctx, s.issuer.Login(issuer.Ada, now), now)
}

func (s *show) store(ctx context.Context, grant endpoint.TokenResponse, at time.Time) error {
	return file.Open(s.home, file.Options{}).Replace(ctx, machine.Credential{
		Method: machine.MethodChatGPT, IDToken: grant.IDToken, AccessToken: grant.AccessToken,
		RefreshToken: grant.RefreshToken, AccountID: issuer.Ada.ID, LastRefresh: at,
	})
}

func (s *show) say(format string, args ...any) { fmt.Fprintf(s.env.Stdout, format+"\n", args...) }

func (s *show) row(what string, count int, remark string) {
	fmt.Fprintf(s.env.Stdout, "  %-20s %6d  %s\n", what, count, remark)
}

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/protocol"
	"github.com/bezoar-auth/bezoar/protocol/oauth"
	"github.com/bezoar-auth/bezoar/protocol/oauth/issuer"
	"github.com/bezoar-auth/bezoar/store/file"
)

var demoCommand = command{
	name:    "demo",
	summary: "Show the storm that does not happen, against an issuer on this machine.",
	usage:   "[--polls N]",
	about: `An issuer starts on loopback, and a home gets a login whose refresh token is dead.
The real app-server is started on it and polled as an editor would; then somebody
logs in again. Nothing outside of this machine is asked, and nothing stays behind.

Example: bezoar demo --polls 5000`,
	run: demo,
}

// demoLimit bounds the whole of a demo.
const demoLimit = 2 * time.Minute

func demo(env environment, flags *flag.FlagSet, args []string) error {
	polls := flags.Int("polls", 1000, "how often the editor asks for its token, `N` times")
	if err := parse(flags, args); err != nil {
		return err
	}
	if *polls < 1 {
		return fmt.Errorf("%w: --polls wants a number above 0", errUsage)
	}
	ctx, cancel := context.WithTimeout(context.Background(), demoLimit)
	defer cancel()
	s, err := newStory(env.stdout)
	if err != nil {
		return err
	}
	defer s.close()
	return s.tell(ctx, *polls)
}

// story is the demo with everything it plays with.
type story struct {
	out    io.Writer
	issuer *issuer.Issuer
	url    string
	client *oauth.Client // of somebody who is not bezoar
	home   string
	server *http.Server
}

func newStory(out io.Writer) (*story, error) {
	home, err := os.MkdirTemp("", "bezoar-demo-")
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(home))
	}
	s := &story{out: out, home: home, issuer: issuer.New(issuer.Options{}), url: "http://" + listener.Addr().String() + "/oauth/token"}
	s.client = oauth.New(oauth.Options{Issuer: machine.Issuer{TokenEndpoint: s.url, ClientID: oauth.DefaultClientID}})
	s.server = &http.Server{Handler: s.issuer, ReadHeaderTimeout: time.Minute}
	go s.server.Serve(listener)
	return s, nil
}

func (s *story) close() {
	s.server.Close()
	os.RemoveAll(s.home)
}

func (s *story) tell(ctx context.Context, polls int) error {
	s.say("An issuer listens on loopback. Ada logged in nine days ago, and her home has an")
	s.say("auth.json whose refresh token was used since: it is dead, and she does not know.")
	dead, err := s.deadLogin(ctx)
	if err != nil {
		return err
	}
	before := s.issuer.Counts().Posts

	editor, err := spawnEditor(s.home, s.url)
	if err != nil {
		return err
	}
	defer editor.close()
	if err := editor.hello(ctx, clientName); err != nil {
		return err
	}
	s.say("\nHer editor starts `bezoar app-server` and asks %d times for its token.", polls)
	began := time.Now()
	handedOut, err := editor.poll(ctx, polls)
	if err != nil {
		return err
	}
	took := time.Since(began)
	posts := s.issuer.Counts().Posts - before
	s.row("polls answered", polls, "in "+took.Round(time.Millisecond).String())
	s.row("tokens handed out", handedOut, "the method stays visible: log in again, not logged out")
	s.row("posts at the issuer", posts, "refresh_token_reused, and no further question")

	s.say("\nAda logs in again, in another program. The editor goes on polling.")
	if err := s.login(ctx); err != nil {
		return err
	}
	again, err := editor.poll(ctx, 10)
	if err != nil {
		return err
	}
	s.row("polls answered", 10, "")
	s.row("tokens handed out", again, "from the first one on, without a restart")
	s.row("posts at the issuer", s.issuer.Counts().Posts-before-posts, "")

	s.say("\nThe naive way, a client that refreshes whenever its token is old:")
	naive := s.naive(ctx, dead, polls)
	s.row("posts at the issuer", naive, "each of them refused")
	if handedOut != 0 || posts != 1 || again != 10 {
		return errors.New("this is not how the story goes; please report it")
	}
	return nil
}

// deadLogin puts a login into the home whose refresh token somebody has used
// since, and returns that token.
func (s *story) deadLogin(ctx context.Context) (secret.Token, error) {
	long := time.Now().Add(-9 * 24 * time.Hour)
	grant := s.issuer.Login(issuer.Ada, long)
	if err := s.store(ctx, grant, long); err != nil {
		return secret.Token{}, err
	}
	if _, granted := s.client.Refresh(ctx, grant.RefreshToken, machine.CauseOld).(machine.Granted); !granted {
		return secret.Token{}, errors.New("the issuer on loopback does not answer")
	}
	return grant.RefreshToken, nil
}

func (s *story) login(ctx context.Context) error {
	now := time.Now()
	return s.store(ctx, s.issuer.Login(issuer.Ada, now), now)
}

func (s *story) store(ctx context.Context, grant machine.Grant, at time.Time) error {
	return file.Open(s.home, file.Options{}).Replace(ctx, machine.Credential{
		Method: machine.MethodChatGPT, IDToken: grant.IDToken, AccessToken: grant.AccessToken,
		RefreshToken: grant.RefreshToken, AccountID: issuer.Ada.ID, LastRefresh: at,
	})
}

// naive counts what the same polls cost without a memory of the refusal.
func (s *story) naive(ctx context.Context, dead secret.Token, polls int) int {
	before := s.issuer.Counts().Posts
	for range polls {
		s.client.Refresh(ctx, dead, machine.CauseExpiring)
	}
	return s.issuer.Counts().Posts - before
}

func (s *story) say(format string, args ...any) { fmt.Fprintf(s.out, format+"\n", args...) }

func (s *story) row(what string, count int, remark string) {
	fmt.Fprintf(s.out, "  %-20s %6d  %s\n", what, count, remark)
}

// clientName is how the demo introduces itself to the server.
var clientName = protocol.ClientInfo{Name: "bezoar-demo", Version: version}

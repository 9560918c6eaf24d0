package conversations

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/gofrs/flock"

	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/properties/programtest"
	"github.com/bezoar-auth/bezoar/protocol/oauth/issuer"
)

// conversation is the world of one script: a home, an issuer, and the servers
// that were started in it.
type conversation struct {
	t                  testing.TB // of a script
	program, home, url string
	issuer             *issuer.Issuer
	listener           *httptest.Server
	letGo              chan struct{} // a slow answer waits for it
	servers            []*speaker
	at                 *speaker // who is spoken to
	put                []string // names of files that others made, or are meant for secrets
	opened             *os.File // by another program
	limits             usage    // the backend's
	person             person   // who is at the logins

	port   *flock.Flock // nil while this script has no use for the port of browser logins
	holder *http.Server // of those ports, another program

	mu      sync.Mutex // guards secrets
	secrets []string   // that nothing but the client and the store may see
}

// conversationKey is where a script keeps its conversation.
type conversationKey struct{}

func newConversation(program, folder string) (*conversation, error) {
	c := &conversation{program: program, home: filepath.Join(folder, "home"), letGo: make(chan struct{})}
	c.issuer = issuer.New(issuer.Options{AutoConsent: true})
	c.listener = httptest.NewServer(c.witness(c.network()))
	c.url = c.listener.URL
	if err := os.MkdirAll(c.home, 0o700); err != nil {
		return nil, err
	}
	brought, err := os.ReadDir(c.home)
	c.put = []string{"auth.json"}
	for _, each := range brought {
		c.put = append(c.put, each.Name())
	}
	return c, err
}

// close ends what the script left running.
func (c *conversation) close() {
	for _, s := range c.servers {
		s.Kill()
	}
	close(c.letGo)
	c.listener.Close()
	c.leavePort()
}

// network is all that the servers can reach.
func (c *conversation) network() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", c.issuer)
	mux.Handle("/api/codex/usage", &c.limits)
	return mux
}

// breaks looks for what a server logs only when it has a fault itself.
func (c *conversation) breaks() error {
	for _, s := range c.servers {
		for _, sign := range []string{"bug:", "panic:", "fatal error:", "DATA RACE"} {
			if text := s.Stderr.String(); strings.Contains(text, sign) {
				return fmt.Errorf("%s is broken:\n%s", s.Name, text)
			}
		}
		if err := s.Mistakes(); err != nil {
			return fmt.Errorf("%s: %w", s.Name, err)
		}
	}
	return nil
}

// transcript is what a reader of a failure wants to see.
func (c *conversation) transcript() string {
	var all strings.Builder
	for _, s := range c.servers {
		fmt.Fprintf(&all, "%s wrote to stderr:\n%s", s.Name, s.Stderr.String())
	}
	for _, each := range c.issuer.Requests() {
		fmt.Fprintf(&all, "issuer: %s, answered with %d\n", each.Call, each.Status)
	}
	return all.String()
}

// calls are the requests to an issuer, as a script calls them.
var calls = map[string]issuer.Call{
	"refresh": issuer.Refresh, "exchange": issuer.Exchange, "key": issuer.KeyExchange,
	"user-code": issuer.UserCode, "poll": issuer.DevicePoll, "revocation": issuer.Revoke,
}

// issuerDoes is the command of that name.
func (c *conversation) issuerDoes(args []string) error {
	call := issuer.Refresh
	if args[0] == "at" {
		call, args = calls[args[1]], args[2:]
	}
	switch args[0] {
	case "lets-go":
		close(c.letGo)
		c.letGo = make(chan struct{})
		return nil
	case "counts":
		return c.counts(args[1:])
	}
	once, step := false, issuer.Step{}
	for {
		switch args[0] {
		case "once":
			once = true
		case "slowly":
			step.After = issuer.Pause{Until: c.letGo}
		case "hesitantly":
			step.Before = issuer.Pause{Until: c.letGo}
		default:
			err := c.answers(args[0], args[1:], &step)
			if once {
				c.issuer.Script(call, step)
			} else {
				c.issuer.Always(call, step)
			}
			return err
		}
		args = args[1:]
	}
}

// answers fills in what an issuer answers.
func (c *conversation) answers(verb string, rest []string, step *issuer.Step) (err error) {
	switch verb {
	case "rotates": // it does so by itself
	case "grants":
		step.Status, step.Body = 200, c.grant(rest)
	case "refuses":
		step.Status, step.Body = 401, `{"error":{"code":`+quoted(rest[0])+`}}`
	case "wants-patience":
		step.Status, step.Header = 503, http.Header{"Retry-After": {rest[0]}}
	case "says":
		step.Status, err = strconv.Atoi(rest[0])
		step.Body = strings.Join(rest[1:], " ")
	default:
		return fmt.Errorf("an issuer does not do %q", verb)
	}
	return err
}

// grant is a good answer of the token endpoint.
func (c *conversation) grant(tokens []string) string {
	body := `{"access_token":` + quoted(c.token(tokens[0])) + `,"refresh_token":` + quoted(c.token(tokens[1]))
	if len(tokens) > 2 {
		body += `,"id_token":` + quoted(tokens[2])
	}
	return body + "}"
}

func (c *conversation) counts(args []string) error {
	counts := c.issuer.Counts()
	found := map[string]int{"replays": counts.Replays, "revoked": counts.Revoked, "grants": counts.Grants}
	for i := 0; i+1 < len(args); i += 2 {
		if got := strconv.Itoa(found[args[i]]); got != args[i+1] {
			return fmt.Errorf("the issuer counts %s %s", got, args[i])
		}
	}
	return nil
}

// asked waits until all these requests have arrived, and demands that no more have.
func (c *conversation) asked(args []string) error {
	call, tokens := calls[args[0]], args[1:]
	number, err := strconv.Atoi(tokens[0])
	if err == nil {
		tokens = nil
	} else {
		number = len(tokens)
	}
	return programtest.Eventually(func() error {
		requests := c.issuer.Requests(call)
		if len(requests) != number {
			return fmt.Errorf("there were %d requests", len(requests))
		}
		for i, token := range tokens {
			if requests[i].Token != secret.New(token).Fingerprint() {
				return fmt.Errorf("request %d was not about %s", i+1, token)
			}
		}
		return nil
	})
}

func (c *conversation) posts(args []string) error {
	posts := c.issuer.Requests(issuer.Refresh)
	number, tokens, atMost := len(args), args, len(args) == 2 && args[0] == "at-most"
	if len(args) > 0 {
		if count, err := strconv.Atoi(args[len(args)-1]); err == nil {
			number, tokens = count, nil
		}
	}
	if len(posts) > number || len(posts) < number && !atMost {
		return fmt.Errorf("there were %d posts", len(posts))
	}
	for i, token := range tokens {
		if posts[i].Token != secret.New(token).Fingerprint() {
			return fmt.Errorf("post %d was not of %s", i+1, token)
		}
	}
	return nil
}

func (c *conversation) posted(args []string) error {
	count, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	return programtest.Eventually(func() error {
		if posts := len(c.issuer.Requests(issuer.Refresh)); posts < count {
			return fmt.Errorf("only %d posts have arrived", posts)
		}
		return nil
	})
}

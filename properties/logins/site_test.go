package logins

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/properties/programtest"
	"github.com/bezoar-auth/bezoar/protocol/login"
	"github.com/bezoar-auth/bezoar/protocol/oauth/issuer"
	"github.com/bezoar-auth/bezoar/protocol/schema/schematest"
	"github.com/bezoar-auth/bezoar/store/memory"
)

// loginSite is a whole server in a synctest bubble, with its client, its issuer,
// its store and the person who logs in.
type loginSite struct {
	*programtest.Assembly
	t       *rapid.T
	begun   time.Time
	issuer  *issuer.Issuer
	wire    *issuer.Transport
	network *loopback
	store   *diary
	schema  *schematest.Conversation

	busy   sync.WaitGroup // browsers
	lastID int
	tales  []*loginTale // in the order in which they were asked for
	heard  transcript
}

// loginTale is a login that a person has to bring to its end.
type loginTale struct {
	request int
	account string // who logs in: no two logins are of the same
	back    *url.URL
}

func openLoginSite(t *rapid.T, stored *machine.Credential) *loginSite {
	authority := issuer.New(issuer.Options{AutoConsent: true, AccessLifetime: 1000 * time.Hour})
	s := &loginSite{
		t: t, begun: time.Now(), issuer: authority, wire: authority.Transport(), network: newLoopback(),
		store: &diary{Store: memory.NewStore()}, schema: schematest.New(t),
	}
	s.heard.init()
	if stored != nil {
		require.NoError(t, s.store.Store.Replace(context.Background(), *stored))
	}
	s.Assembly = programtest.Assemble(programtest.Parts{
		Store: s.store, Ledger: memory.NewLedger(programtest.Issuer).Process(1), Transport: s.wire,
		Logins: login.Options{Listen: s.network.listen, Dial: s.network.dial},
	})
	s.busy.Go(func() { s.listen(s.Output) })
	s.request("initialize", map[string]any{
		"clientInfo":   map[string]string{"name": "editor", "version": "1"},
		"capabilities": map[string]bool{"experimentalApi": true},
	})
	synctest.Wait()
	return s
}

func (s *loginSite) listen(output io.Reader) {
	lines := bufio.NewScanner(output)
	for lines.Scan() {
		s.schema.Server(lines.Bytes())
		s.tell("server: %s", lines.Text())
		if err := s.heard.add(lines.Bytes()); err != nil {
			s.t.Errorf("%v: %s", err, lines.Text())
		}
	}
}

// tell adds to the story that a failure shows.
func (s *loginSite) tell(format string, args ...any) {
	s.t.Logf("%12v  %s", time.Since(s.begun), fmt.Sprintf(format, args...))
}

// request sends a request and returns its id.
func (s *loginSite) request(method string, params any) int {
	s.lastID++
	line, err := json.Marshal(map[string]any{"id": s.lastID, "method": method, "params": params})
	require.NoError(s.t, err)
	s.tell("client: %s", line)
	s.schema.Client(line)
	_, err = s.Input.Write(append(line, '\n'))
	require.NoError(s.t, err)
	return s.lastID
}

// requestInstead is a request that ends the login that is under way.
func (s *loginSite) requestInstead(method string, params any) int {
	s.heard.ends(s.lastID+1, s.tales)
	return s.request(method, params)
}

// begin asks for a login that a person has to bring to its end.
func (s *loginSite) begin(loginType string) {
	tale := &loginTale{account: fmt.Sprintf("account-%d", len(s.tales)+1)}
	tale.request = s.requestInstead("account/login/start", map[string]string{"type": loginType})
	s.tales = append(s.tales, tale)
}

// latest is the login that a client asked for last, or the nth before it, with the
// server's answer; nil if there is no such login, or no answer.
func (s *loginSite) latest(n int) (*loginTale, programtest.LoginAnswer) {
	if n >= len(s.tales) {
		return nil, programtest.LoginAnswer{}
	}
	tale := s.tales[len(s.tales)-1-n]
	told := s.heard.login(tale.request)
	if told.LoginID == "" {
		return nil, told
	}
	return tale, told
}

// comeBack is the browser on its way back from the issuer.
func (s *loginSite) comeBack(n int, change ...string) {
	tale, told := s.latest(n)
	if tale == nil || told.AuthURL == "" {
		return
	}
	if tale.back == nil {
		tale.back = s.consent(tale.account, told.AuthURL)
	}
	target, query := *tale.back, tale.back.Query()
	for i := 0; i < len(change); i += 2 {
		query.Set(change[i], change[i+1])
	}
	target.RawQuery = query.Encode()
	s.open(target.String())
}

func (s *loginSite) consent(account, address string) *url.URL {
	s.issuer.SetAccount(issuer.Account{ID: account, UserID: "user", PlanType: "plus"})
	request, err := http.NewRequest(http.MethodGet, address, nil)
	require.NoError(s.t, err)
	response, err := s.wire.RoundTrip(request)
	require.NoError(s.t, err)
	back, err := response.Location()
	require.NoError(s.t, err)
	return back
}

// open is a browser, which may find no server there.
func (s *loginSite) open(address string) {
	s.busy.Go(func() {
		request, _ := http.NewRequest(http.MethodGet, address, nil) // it was parsed before
		transport := &http.Transport{
			DisableKeepAlives: true,
			DialContext:       func(ctx context.Context, _, address string) (net.Conn, error) { return s.network.dial(ctx, address) },
		}
		response, err := transport.RoundTrip(request)
		if err != nil {
			s.tell("browser: no server answers")
			return
		}
		defer response.Body.Close()
		s.tell("browser: %s", response.Status)
	})
}

// decide is a person at another device.
func (s *loginSite) decide(n int, decision func(string) bool) {
	if tale, told := s.latest(n); tale != nil && told.UserCode != "" {
		s.issuer.SetAccount(issuer.Account{ID: tale.account, UserID: "user", PlanType: "plus"})
		decision(told.UserCode)
	}
}

// end is the end of input, as cmd/bezoar serves it. The bubble then fails on a
// goroutine that is left.
func (s *loginSite) end() {
	s.tell("client: end of input")
	drain, cancel := context.WithTimeout(context.Background(), 4500*time.Millisecond)
	defer cancel()
	require.NoError(s.t, s.Close(drain))
	s.busy.Wait()
	require.Zero(s.t, s.network.held(), "ports left")
}

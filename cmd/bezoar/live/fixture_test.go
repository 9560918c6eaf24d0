package live

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/endpoint"
	"github.com/bezoar-auth/bezoar/machine/evidence"
	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/machine/secret"
)

// sentinel is in every token of these tests, also within encoded claims.
const sentinel = "SENTINEL0SENTINEL0SENTINEL0"

var noon = time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)

func at(after time.Duration) machine.At { return machine.At{Time: noon.Add(after)} }

var policy = machine.Policy{
	Issuer: machine.Issuer{TokenEndpoint: "https://issuer.example/token", ClientID: "client"}, RefreshFloor: 5 * time.Second,
}

func tokens(name string, expires time.Duration) machine.Credential {
	payload := fmt.Sprintf(`{"exp":%d,"jti":%q,"email":"%s@example.com"}`, noon.Add(expires).Unix(), name+sentinel, sentinel)
	jwt := "e30." + base64.RawURLEncoding.EncodeToString([]byte(payload)) + "." + sentinel
	return machine.Credential{
		Method: machine.MethodTokens, AccessToken: secret.New(jwt), IDToken: secret.New(jwt),
		RefreshToken: secret.New("refresh-" + name + sentinel), AccountID: sentinel, LastRefresh: noon,
	}
}

// states has one state of each phase, as the machine makes it.
func states(t testing.TB) map[machine.Phase]*machine.State {
	step := func(s *machine.State, event machine.Event) *machine.State {
		next, _, err := machine.Step(*s, event)
		require.NoError(t, err)
		return &next
	}
	noAuth := machine.New(policy)
	login := tokens("first", time.Hour)
	fresh := step(&noAuth, machine.LoggedIn{At: at(0), Credential: login})
	asking := step(fresh, machine.Asked{At: at(time.Minute), Ask: machine.Ask{Refresh: true}})
	stale := step(asking, machine.RefreshFailedTransient{
		At: at(2 * time.Minute), Attempt: asking.Attempt, NotBefore: noon.Add(17 * time.Minute), Posted: true, Blocked: evidence.BlockIssuerUnavailable,
	})
	return map[machine.Phase]*machine.State{
		machine.NoAuth: &noAuth,
		machine.ApiKey: step(&noAuth, machine.LoggedIn{At: at(0), Credential: machine.Credential{
			Method: machine.MethodAPIKey, APIKey: secret.New("key-" + sentinel),
		}}),
		machine.Fresh: fresh, machine.Stale: stale,
		machine.Poisoned: step(asking, machine.RefreshFailedPermanent{At: at(2 * time.Minute), Attempt: asking.Attempt, Verdict: history.Verdict{
			TokenID: policy.TokenID(login),
			Access:  login.AccessToken.Fingerprint(), Reason: history.ReasonReused, At: noon.Add(2 * time.Minute),
		}}),
	}
}

func entries() []persist.Entry {
	first, second := policy.Issuer.TokenID(secret.New("a"+sentinel)), policy.Issuer.TokenID(secret.New("b"+sentinel))
	return []persist.Entry{
		{Kind: persist.Login, At: noon, PID: 4711, TokenID: first, Method: machine.MethodTokens},
		{Kind: persist.Intended, At: noon.Add(time.Minute), PID: 4711, Attempt: 1, Cause: endpoint.CauseExpiring, TokenID: first},
		{Kind: persist.Rotated, At: noon.Add(time.Minute), PID: 4711, Attempt: 1, TokenID: first, NextID: second},
		{Kind: persist.Deferred, At: noon.Add(2 * time.Minute), PID: 4712, TokenID: second, NotBefore: noon.Add(17 * time.Minute), Failures: 1},
		{Kind: persist.Refused, At: noon.Add(2 * time.Minute), PID: 4712, TokenID: second, Reason: history.ReasonReused},
	}
}

// source holds the state that a test wants on the page.
type source struct {
	state     atomic.Pointer[machine.State]
	followers chan func(from, to machine.Snapshot)
	isStopped atomic.Bool // the subscription of the page
}

func newSource(state *machine.State) *source {
	s := &source{followers: make(chan func(from, to machine.Snapshot), 1)}
	s.state.Store(state)
	return s
}

func (s *source) Snapshot() machine.Snapshot { return s.state.Load().Snapshot() }
func (s *source) Subscribe(changed func(from, to machine.Snapshot)) (stop func()) {
	s.followers <- changed
	return func() { s.isStopped.Store(true) }
}

// plain are words that a test can look for.
type plain struct{}

func (plain) State(s machine.Snapshot, entries []persist.Entry, now time.Time) (known, toDo string) {
	a := s.Assess(now)
	return "Known: " + words(a.Reason) + ".", "To do: " + string(a.Action) + "."
}

func (plain) Story(entries []persist.Entry, now time.Time) []Sentence {
	var all []Sentence
	for _, e := range entries {
		all = append(all, Sentence{e.At, e.Kind, "Told " + string(e.Kind) + " " + e.TokenID.Short()})
	}
	return all
}

func (plain) Reason(reason history.Reason) string { return "the issuer says " + words(string(reason)) }
func (plain) Cause(cause endpoint.Cause) string {
	if cause == "" {
		return ""
	}
	return "because of " + string(cause)
}

// world is a page on a real port.
type world struct {
	source   *source
	recorder *recorder
	page     *page
	url      string
	change   func(to *machine.State) // as the engine would
}

func newWorld(t *testing.T, state *machine.State) *world {
	now := func() time.Time { return noon.Add(3 * time.Minute) }
	w := &world{source: newSource(state), recorder: newRecorder(now)}
	w.page = newPage(w.recorder, Options{
		Source: w.source, Words: plain{}, Version: "0.0.0", Now: now, Backend: "/usr/bin/codex",
		Entries: func(context.Context) ([]persist.Entry, error) { return entries(), nil },
	})
	w.url = serve(t, w.page)
	changed := <-w.source.followers
	w.change = func(to *machine.State) {
		from := w.source.state.Swap(to)
		changed(from.Snapshot(), to.Snapshot())
	}
	return w
}

// serve serves a page until the test ends, and demands that it ends well.
func serve(t *testing.T, page *page) (url string) {
	listener, err := listen("127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- page.serve(ctx, listener) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-served)
	})
	return page.url(listener.Addr())
}

// client keeps no connection, so that none outlives its test.
var client = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

func get(t *testing.T, url string) (*http.Response, string) {
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	return do(t, request)
}

func do(t *testing.T, request *http.Request) (*http.Response, string) {
	response, err := client.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response, string(body)
}

// portOf is the address without the token.
func portOf(url string) string { return strings.Join(strings.SplitAfter(url, "/")[:3], "") }

func dial(t *testing.T, url string) net.Conn {
	address := strings.TrimSuffix(strings.TrimPrefix(portOf(url), "http://"), "/")
	conn, err := net.Dial("tcp", address)
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	return conn
}

package appserver

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/endpoint"
	"github.com/bezoar-auth/bezoar/machine/history"
)

// TestPipelineIsAnsweredAsIfOneHadWaited sends any sequence of requests, logins and
// logouts on one connection, with pauses in which a refresh ends, and compares the answers
// with those of a model that does one thing after the other. Each request has one answer,
// on the right side of each login and logout.
func TestPipelineIsAnsweredAsIfOneHadWaited(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		stored := rapid.SampledFrom([]*machine.Credential{nil, apiKey("sk-0"), tokens("access-0", "refresh-0")}).Draw(t, "stored")
		sends := rapid.SliceOfN(rapid.SampledFrom([]string{
			plain, plain, demand, demand, plainAccount, demandAccount, signIn, signOut, pause, pause,
		}), 1, 40).Draw(t, "sends")
		outcomes := rapid.SliceOfN(rapid.SampledFrom([]string{granted, granted, refused, unavailable}), len(sends), len(sends)).Draw(t, "outcomes")
		rapid.SyncTest(t, func(t *rapid.T) { converse(t, stored, sends, outcomes) })
	})
}

// The steps: what is sent, or a pause.
const (
	plain         = "getAuthStatus of the token"
	demand        = "getAuthStatus with a refresh"
	plainAccount  = "account/read"
	demandAccount = "account/read with a refresh"
	signIn        = "login"
	signOut       = "logout"
	pause         = "pause"
)

// How a refresh may end.
const (
	granted     = "granted"
	refused     = "refused"
	unavailable = "unavailable"
)

func converse(t *rapid.T, stored *machine.Credential, sends, outcomes []string) {
	s, close := open(t, stored, nil)
	defer close()
	for i, outcome := range outcomes {
		s.issuer.answers = append(s.issuer.answers, map[string]endpoint.Answer{
			granted:     grants(accessAfter(i), fmt.Sprint("refresh-", i+1)),
			refused:     endpoint.Refused{Reason: history.ReasonReused},
			unavailable: endpoint.Unavailable{},
		}[outcome])
	}
	s.shakeHands()
	m := newModel(stored, outcomes)
	var batch, said []string
	flush := func() {
		if len(batch) > 0 {
			said = append(said, s.ask(batch...)...)
		}
		batch = nil
	}
	for id, what := range append(sends, pause) {
		if what == pause {
			flush()
			time.Sleep(2 * issuerTakes)
			said = append(said, s.said()...)
		} else {
			batch = append(batch, wire(id, what))
		}
		m.take(id, what)
	}
	require.LessOrEqual(t, s.issuer.posts, m.posts)
	require.GreaterOrEqual(t, s.issuer.posts, m.posts-m.overtaken)
	m.compare(t, said)
}

func accessAfter(refresh int) string { return fmt.Sprint("access-", refresh+1) }

// wire is the line of a step, with its place in the sequence as the id.
func wire(id int, what string) string {
	text := map[string]string{
		plain:         `"getAuthStatus","params":{"includeToken":true}`,
		demand:        `"getAuthStatus","params":{"includeToken":true,"refreshToken":true}`,
		plainAccount:  `"account/read","params":{}`,
		demandAccount: `"account/read","params":{"refreshToken":true}`,
		signIn:        fmt.Sprintf(`"account/login/start","params":{"type":"apiKey","apiKey":"sk-%d"}`, id),
		signOut:       `"account/logout"`,
	}[what]
	return fmt.Sprintf(`{"id":%d,"method":%s}`, id, text)
}

// model does one thing after the other. It knows no machine: a login is a
// method and a token, and a refresh is something that a pause ends.
type model struct {
	outcomes      []string
	method, token string
	poisoned      bool // tokens: the refresh token is dead
	tired         bool // tokens: the last refresh failed, so that every question begins one
	running       bool // a refresh
	posts         int
	overtaken     int // refreshes that a login came before; they may have seen it in time

	waiting  []int // who waits for it
	asked    map[int]string
	answers  map[int]string
	barriers []int // logins and logouts
}

func newModel(stored *machine.Credential, outcomes []string) *model {
	m := &model{outcomes: outcomes, asked: map[int]string{}, answers: map[int]string{}}
	switch {
	case stored == nil:
	case stored.Method == machine.MethodAPIKey:
		m.method, m.token = "apikey", "sk-0"
	default:
		m.method, m.token = "chatgpt", "access-0"
	}
	return m
}

func (m *model) take(id int, what string) {
	m.asked[id] = what
	switch what {
	case pause:
		m.endRefresh()
	case signIn:
		m.become(id, "apikey", fmt.Sprint("sk-", id), `{"type":"apiKey"}`)
	case signOut:
		m.become(id, "", "", `{}`)
	default:
		m.question(id, what == demand || what == demandAccount)
	}
}

func (m *model) question(id int, demands bool) {
	refreshes := m.method == "chatgpt" && !m.poisoned
	if refreshes && !m.running && (demands || m.tired) {
		m.running = true
		m.posts++
	}
	if refreshes && demands {
		m.waiting = append(m.waiting, id)
		return
	}
	m.answer(id)
}

func (m *model) answer(id int) {
	quote := func(text string) string {
		if text == "" {
			return "null"
		}
		return `"` + text + `"`
	}
	switch m.asked[id] {
	case plain, demand:
		m.answers[id] = fmt.Sprintf(`{"authMethod":%s,"authToken":%s,"requiresOpenaiAuth":true}`, quote(m.method), quote(m.token))
	default:
		who := map[string]string{
			"": `null,"requiresOpenaiAuth":true,"userId":null`, "apikey": `{"type":"apiKey"},"requiresOpenaiAuth":true,"userId":null`,
			"chatgpt": `{"type":"chatgpt","email":"ada@example.com","planType":"plus"},"requiresOpenaiAuth":true,"userId":"user-ada"`,
		}[m.method]
		m.answers[id] = `{"account":` + who + `,"workspaceRouting":null}`
	}
}

// become is a login or a logout: the requests that wait are answered with it, and a refresh
// in flight changes nothing any more.
func (m *model) become(id int, method, token, answer string) {
	if m.running {
		m.overtaken++
	}
	m.method, m.token, m.running = method, token, false
	m.letGo()
	m.answers[id] = answer
	m.barriers = append(m.barriers, id)
}

func (m *model) endRefresh() {
	if !m.running {
		return
	}
	m.running = false
	outcome := m.outcomes[m.posts-1]
	m.tired, m.poisoned = outcome == unavailable, outcome == refused
	switch outcome {
	case granted:
		m.token = accessAfter(m.posts - 1)
	case refused:
		m.token = ""
	}
	m.letGo()
}

func (m *model) letGo() {
	for _, id := range m.waiting {
		m.answer(id)
	}
	m.waiting = nil
}

// compare compares the output of the server with that of the model.
func (m *model) compare(t *rapid.T, said []string) {
	var order []int
	for _, line := range said {
		if strings.HasPrefix(line, `{"method":`) {
			continue
		}
		var id int
		_, err := fmt.Sscanf(line, `{"id":%d,`, &id)
		require.NoError(t, err, line)
		require.Equal(t, fmt.Sprintf(`{"id":%d,"result":%s}`, id, m.answers[id]), line, "the answer to %s", m.asked[id])
		order = append(order, id)
	}
	require.Len(t, order, len(m.answers), "each request has one answer")
	for _, barrier := range m.barriers {
		at := slices.Index(order, barrier)
		for i, id := range order {
			inOrder := i == at || (i < at) == (id < barrier)
			late := m.asked[min(id, barrier)] == signOut // its answer waits for the revocation
			require.True(t, inOrder || late, "%d is answered on the wrong side of %d", id, barrier)
		}
	}
}

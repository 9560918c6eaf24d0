package appserver

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/endpoint"
	"github.com/bezoar-auth/bezoar/machine/engine"
	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/machine/machinetest"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/protocol"
	"github.com/bezoar-auth/bezoar/protocol/chatgpt"
)

// gate is a backend that accepts one access token and answers others with 401.
type gate struct {
	admits, asked []string
	takes         time.Duration
}

func (g *gate) RoundTrip(r *http.Request) (*http.Response, error) {
	token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	g.asked = append(g.asked, token)
	time.Sleep(g.takes)
	status, body := http.StatusUnauthorized, ""
	if len(g.admits) > 0 && token == g.admits[0] {
		status, body = http.StatusOK, `{"plan_type":"plus","rate_limit":{"allowed":true,"limit_reached":false}}`
	}
	recorder := httptest.NewRecorder()
	recorder.WriteHeader(status)
	recorder.WriteString(body)
	return recorder.Result(), nil
}

func guarded(g *gate) func(*Options, *engine.Options) {
	return func(o *Options, _ *engine.Options) {
		o.Backend = chatgpt.New(chatgpt.Options{BaseURL: "https://backend.example", Transport: g})
	}
}

var ours, theirs = machinetest.JWT(`{"sub":"first"}`).Reveal(), machinetest.JWT(`{"sub":"second"}`).Reveal()

const limitsLine = `{"id":"limits","method":"account/rateLimits/read"}`

func handOver(token string) string {
	return `{"id":"login","method":"account/login/start","params":{"type":"chatgptAuthTokens","accessToken":"` + token + `","chatgptAccountId":"account-bob"}}`
}

func TestRefusedExternalTokensAreRenewedByTheClient(t *testing.T) {
	g := &gate{admits: []string{theirs}}
	experimental(t, nil, guarded(g), func(t *testing.T, s *site) {
		require.Contains(t, strings.Join(s.ask(handOver(ours)), ""), `{"id":"login","result":{"type":"chatgptAuthTokens"}}`)
		wanted := s.ask(limitsLine)
		require.JSONEq(t, `{"id":0,"method":"account/chatgptAuthTokens/refresh","params":{"reason":"unauthorized","previousAccountId":"account-bob"}}`,
			wanted[len(wanted)-1])
		require.Contains(t, s.answer(protocol.GetAuthStatus, `{}`), `"authMethod":"chatgptAuthTokens"`, "others are not held up")
		said := s.ask(`{"id":0,"result":{"accessToken":"` + theirs + `","chatgptAccountId":"account-bob","chatgptPlanType":"pro"}}`)
		require.Contains(t, said[len(said)-1], `"planType":"plus"`)
		require.Equal(t, []string{ours, theirs}, g.asked, "one refresh, one more try")
		require.Contains(t, s.answer(protocol.GetAuthStatus, `{"includeToken":true}`), theirs)
	})
}

func TestClientWithoutTokensIsRetriedLater(t *testing.T) {
	for name, answer := range map[string]string{
		"an error": `{"id":0,"error":{"code":7,"message":"secret-in-an-error"}}`,
		"no JWT":   `{"id":0,"result":{"accessToken":"opaque","chatgptAccountId":"account-bob"}}`,
		"nothing":  `{"id":0,"result":{}}`,
		"silence":  "",
	} {
		t.Run(name, func(t *testing.T) {
			experimental(t, nil, guarded(&gate{}), func(t *testing.T, s *site) {
				s.ask(handOver(ours))
				s.ask(limitsLine)
				if answer != "" {
					s.send(answer)
				}
				time.Sleep(10 * time.Second)
				said := s.said()
				require.Contains(t, said[len(said)-1], "failed to fetch codex rate limits: GET /api/codex/usage failed: 401")
				require.NotContains(t, strings.Join(said, ""), "secret-in-an-error")
				require.Empty(t, s.ask(`{"id":0,"result":{"accessToken":"`+theirs+`","chatgptAccountId":"account-bob"}}`), "too late")
				require.NotContains(t, s.answer(protocol.GetAuthStatus, `{"includeToken":true}`), theirs)
				require.Contains(t, s.answer(protocol.AccountRead, `{"refreshToken":true}`), `"type":"chatgpt"`, "and it is not asked again")
			})
		})
	}
}

func TestTokensOfAnotherWorkspaceAreRefused(t *testing.T) {
	restriction := machine.Restriction{Workspaces: []string{"account-bob"}}
	g := &gate{admits: []string{theirs}}
	experimental(t, nil, func(o *Options, e *engine.Options) {
		guarded(g)(o, e)
		o.Restriction, e.Policy.Restriction = restriction, restriction
	}, func(t *testing.T, s *site) {
		_, message := errorOf(t, s.ask(strings.Replace(handOver(ours), "account-bob", "account-eve", 1))[0])
		require.Equal(t, `External auth must use workspace account-bob, but received "account-eve".`, message)
		s.ask(handOver(ours))
		s.ask(limitsLine)
		said := s.ask(`{"id":0,"result":{"accessToken":"` + theirs + `","chatgptAccountId":"account-eve"}}`)
		require.Contains(t, said[len(said)-1], "401")
		require.Equal(t, []string{ours}, g.asked)
	})
}

func TestRateLimitsAreTriedAgainWithARefreshedToken(t *testing.T) {
	g := &gate{admits: []string{"access-2"}}
	experimental(t, tokens("access-1", "refresh-1"), guarded(g), func(t *testing.T, s *site) {
		s.issuer.answers = []endpoint.Answer{grants("access-2", "refresh-2")}
		s.send(limitsLine)
		time.Sleep(2 * issuerTakes)
		said := s.said()
		require.Contains(t, said[len(said)-1], `{"id":"limits","result":{`)
		require.Equal(t, []string{"access-1", "access-2"}, g.asked)
		require.Equal(t, 1, s.issuer.posts)
	})
}

func TestConcurrentRateLimitReadsAreOneRequest(t *testing.T) {
	g := &gate{admits: []string{theirs}, takes: time.Second}
	experimental(t, nil, guarded(g), func(t *testing.T, s *site) {
		limits := func(from, to int) (lines []string) {
			for id := from; id < to; id++ {
				lines = append(lines, fmt.Sprintf(`{"id":%d,"method":"account/rateLimits/read"}`, id))
			}
			return lines
		}
		s.ask(handOver(theirs))
		require.Empty(t, s.ask(limits(0, 100)...))
		time.Sleep(g.takes / 2)
		s.ask(handOver(ours)) // with another token it is another question
		require.Empty(t, s.ask(limits(100, 200)...))
		require.Equal(t, []string{theirs, ours}, g.asked)

		time.Sleep(g.takes / 2)
		said := s.said()
		require.Len(t, said, 100)
		for id, line := range said {
			require.True(t, strings.HasPrefix(line, fmt.Sprintf(`{"id":%d,"result":{`, id)), line)
		}
		s.ask(handOver(theirs))
		require.Empty(t, s.ask(limits(200, 201)...))
		require.Equal(t, []string{theirs, ours, theirs}, g.asked, "what was answered is no answer to who comes later")
	})
}

func TestPoisonedLoginDoesNotReadRateLimits(t *testing.T) {
	g := &gate{}
	experimental(t, tokens("access-1", "refresh-1"), guarded(g), func(t *testing.T, s *site) {
		s.issuer.answers = []endpoint.Answer{endpoint.Refused{Reason: history.ReasonReused}}
		s.send(`{"id":1,"method":"getAuthStatus","params":{"refreshToken":true}}`)
		time.Sleep(2 * issuerTakes)
		s.said()
		_, message := errorOf(t, s.answer(protocol.RateLimitsRead, ""))
		require.Equal(t, "failed to fetch codex rate limits: Your access token could not be refreshed because your refresh token was already used. Please log out and sign in again.", message)
		require.Empty(t, g.asked)
	})
}

func TestLogoutWaitsTwoSecondsForTheRevocation(t *testing.T) {
	experimental(t, tokens("access-1", "refresh-1"), nil, func(t *testing.T, s *site) {
		s.issuer.revokes = time.Hour
		begun := time.Now()
		said := s.ask(logoutLine, statusLine)
		require.Contains(t, strings.Join(said, ""), `{"id":"status","result":{"authMethod":null`)
		require.NotContains(t, strings.Join(said, ""), `"id":"logout"`)
		for len(said) == 0 || !strings.Contains(strings.Join(said, ""), `"id":"logout"`) {
			time.Sleep(time.Second / 4)
			said = s.said()
		}
		require.Equal(t, revocationLimit, time.Since(begun))
		require.True(t, s.server.options.Engine.Snapshot().Token().Equal(secret.Token{}))
	})
}

// In the first seconds of a token a 401 leads to no refresh, so there is no
// other token to try: the refused one is not sent again.
func TestTokenThatTheBackendRefusedIsNotResent(t *testing.T) {
	for name, takes := range map[string]time.Duration{"at once": 0, "after a while": time.Second} {
		t.Run(name, func(t *testing.T) {
			g := &gate{takes: takes}
			adjust := func(o *Options, e *engine.Options) {
				guarded(g)(o, e)
				e.Policy.RefreshFloor = 5 * time.Second
				e.AuthorizationServer.(*issuer).answers = []endpoint.Answer{grants("second", "r2")}
			}
			experimental(t, tokens("first", "r1"), adjust, func(t *testing.T, s *site) {
				s.send(`{"id":1,"method":"getAuthStatus","params":{"includeToken":true,"refreshToken":true}}`)
				time.Sleep(issuerTakes)
				require.Contains(t, strings.Join(s.said(), ""), `"second"`)
				s.send(limitsLine)
				time.Sleep(time.Minute)
				code, _ := errorOf(t, lastOf(s.said()))
				require.NotZero(t, code)
				require.Equal(t, []string{"second"}, g.asked)
			})
		})
	}
}

func lastOf(lines []string) string { return lines[len(lines)-1] }

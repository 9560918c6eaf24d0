package appserver

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/endpoint"
	"github.com/bezoar-auth/bezoar/machine/engine"
	"github.com/bezoar-auth/bezoar/machine/evidence"
	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/machine/machinetest"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/protocol"
)

// shown is one row of what each kind of login shows.
type shown struct {
	name              string
	stored            *machine.Credential
	status, account   string
	statusWithoutThat string // what a status says that asks for no token
}

func TestStatusAndAccountOfEachLogin(t *testing.T) {
	nameless := tokens("access-1", "refresh-1")
	nameless.IDToken = machinetest.JWT(`{}`)
	outside := &machine.Credential{
		Method: machine.MethodExternal, AccessToken: machinetest.JWT(`{"email":"bob@example.com"}`), AccountID: "account-bob",
		PlanType: "hc", LastRefresh: nameless.LastRefresh,
	}
	for _, row := range []shown{
		{"none", nil, `null,"authToken":null`, `null`, `null,"authToken":null`},
		{"a key", apiKey("sk-1"), `"apikey","authToken":"sk-1"`, `{"type":"apiKey"}`, `"apikey","authToken":null`},
		{"tokens", tokens("access-1", "refresh-1"), `"chatgpt","authToken":"access-1"`,
			`{"type":"chatgpt","email":"ada@example.com","planType":"plus"}`, `"chatgpt","authToken":null`},
		{"tokens that do not say whose", nameless, `"chatgpt","authToken":"access-1"`,
			`{"type":"chatgpt","email":null,"planType":"unknown"}`, `"chatgpt","authToken":null`},
		{"the client's own tokens", outside, `"chatgptAuthTokens","authToken":"` + outside.AccessToken.Reveal() + `"`,
			`{"type":"chatgpt","email":"bob@example.com","planType":"enterprise"}`, `"chatgptAuthTokens","authToken":null`},
	} {
		t.Run(row.name, func(t *testing.T) {
			inBubble(t, row.stored, func(t *testing.T, s *site) {
				asked := s.answer(protocol.GetAuthStatus, `{"includeToken":true}`)
				require.Equal(t, `{"id":1,"result":{"authMethod":`+row.status+`,"requiresOpenaiAuth":true}}`, asked)
				unasked := s.answer(protocol.GetAuthStatus, `{}`)
				require.Equal(t, `{"id":1,"result":{"authMethod":`+row.statusWithoutThat+`,"requiresOpenaiAuth":true}}`, unasked)
				account := s.answer(protocol.AccountRead, `{}`)
				require.Contains(t, account, `"result":{"account":`+row.account+`,"requiresOpenaiAuth":true,"userId":`)
				require.Contains(t, account, `"workspaceRouting":null`)
			})
		})
	}
}

// TestProviderWithoutLoginShowsNone: a refresh that was demanded is made all
// the same, as in Codex.
func TestProviderWithoutLoginShowsNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, close := open(t, tokens("access-1", "refresh-1"), func(o *Options, _ *engine.Options) { o.RequiresAuth = false })
		defer close()
		s.shakeHands()
		s.issuer.answers = []endpoint.Answer{grants("access-2", "refresh-2")}
		require.Empty(t, s.ask(`{"id":1,"method":"getAuthStatus","params":{"includeToken":true,"refreshToken":true}}`))
		time.Sleep(issuerTakes)
		require.Equal(t, []string{`{"id":1,"result":{"authMethod":null,"authToken":null,"requiresOpenaiAuth":false}}`}, s.said())
		require.Equal(t, 1, s.issuer.posts)
		require.Contains(t, s.answer(protocol.AccountRead, `{}`), `{"account":null,"requiresOpenaiAuth":false,"userId":null,`)
	})
}

func TestProviderWithoutLoginIsAnsweredAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, close := open(t, tokens("access-1", "refresh-1"), func(o *Options, _ *engine.Options) { o.RequiresAuth = false })
		defer close()
		s.shakeHands()
		time.Sleep(9 * 24 * time.Hour) // a refresh is due
		require.Contains(t, s.answer(protocol.GetAuthStatus, `{"includeToken":true}`), `"authMethod":null`)
		require.Contains(t, s.answer(protocol.AccountRead, `{}`), `"account":null`)
		time.Sleep(2 * issuerTakes)
		require.Zero(t, s.issuer.posts)
	})
}

func TestPoisonedLoginKeepsItsAccountAndLosesItsToken(t *testing.T) {
	inBubble(t, tokens("access-1", "refresh-1"), func(t *testing.T, s *site) {
		s.issuer.answers = []endpoint.Answer{endpoint.Refused{Reason: history.ReasonReused}}
		require.Empty(t, s.ask(`{"id":1,"method":"account/read","params":{"refreshToken":true}}`))
		time.Sleep(issuerTakes)
		require.Len(t, s.said(), 1)
		for range 10 {
			require.Contains(t, s.answer(protocol.GetAuthStatus, `{"includeToken":true,"refreshToken":true}`), `"chatgpt","authToken":null`)
			require.Contains(t, s.answer(protocol.AccountRead, `{"refreshToken":true}`), `"email":"ada@example.com"`)
		}
		require.Equal(t, 1, s.issuer.posts)
	})
}

// TestPollsDoNotWaitForTheIssuer: the old access token has expired, so
// a client that wants the token waits, and no other.
func TestPollsDoNotWaitForTheIssuer(t *testing.T) {
	expired := tokens("", "refresh-1")
	expired.AccessToken = machinetest.JWT(`{"exp":1}`)
	inBubble(t, expired, func(t *testing.T, s *site) {
		s.issuer.answers = []endpoint.Answer{grants("access-2", "refresh-2")}
		said := s.ask(
			`{"id":1,"method":"getAuthStatus","params":{"includeToken":true}}`,
			`{"id":2,"method":"getAuthStatus","params":{}}`,
			`{"id":3,"method":"account/read","params":{}}`,
			`{"id":4,"method":"account/read","params":{"refreshToken":true}}`,
			`{"id":5,"method":"no/such"}`,
			`{"id":6,"method":"account/login/cancel","params":{"loginId":"11111111-1111-1111-1111-111111111111"}}`,
		)
		require.Len(t, said, 4)
		for i, id := range []string{`"id":2`, `"id":3`, `"id":5`, `"id":6`} {
			require.Contains(t, said[i], id)
		}
		time.Sleep(issuerTakes)
		said = s.said()
		require.Len(t, said, 2)
		require.Contains(t, said[0], `{"id":1,"result":{"authMethod":"chatgpt","authToken":"access-2"`)
		require.Contains(t, said[1], `{"id":4,`)
		require.Equal(t, 1, s.issuer.posts)
	})
}

func TestStormOnAClientThatIsNotAcceptedCostsOnePost(t *testing.T) {
	experimental(t, tokens("access-1", "refresh-1"), nil, func(t *testing.T, s *site) {
		s.issuer.answers = []endpoint.Answer{endpoint.Misconfigured{Evidence: evidence.Evidence{Status: 401, Code: "invalid_client"}}}
		const polls = 2000
		for range polls {
			s.send(`{"id":1,"method":"getAuthStatus","params":{"includeToken":true,"refreshToken":true}}`)
		}
		time.Sleep(issuerTakes)
		served := 0
		for _, line := range s.said() {
			if line == `{"id":1,"result":{"authMethod":"chatgpt","authToken":"access-1","requiresOpenaiAuth":true}}` {
				served++
			}
		}
		require.Equal(t, polls, served)
		health := s.answer(protocol.HealthRead, "")
		require.Contains(t, health, `"state":"Stale","reason":"misconfigured"`)
		require.Contains(t, health, `"action":"operator"`)
		time.Sleep(24 * time.Hour)
		require.Contains(t, s.answer(protocol.GetAuthStatus, `{"includeToken":true}`), `"authToken":"access-1"`)
		require.Equal(t, 1, s.issuer.posts)
	})
}

func TestStormOnADeadTokenCostsOnePost(t *testing.T) {
	inBubble(t, tokens("access-1", "refresh-1"), func(t *testing.T, s *site) {
		s.issuer.answers = []endpoint.Answer{endpoint.Refused{Reason: history.ReasonRevoked}}
		const polls = 2000
		for range polls {
			s.send(`{"id":1,"method":"getAuthStatus","params":{"includeToken":true,"refreshToken":true}}`)
		}
		time.Sleep(issuerTakes)
		said := s.said()
		require.Len(t, said, polls)
		for _, line := range said {
			require.Equal(t, `{"id":1,"result":{"authMethod":"chatgpt","authToken":null,"requiresOpenaiAuth":true}}`, line)
		}
		require.Equal(t, 1, s.issuer.posts)
	})
}

func TestTokenIsQuotedAsJSONWhateverIsInIt(t *testing.T) {
	stored := tokens("", "refresh-1")
	stored.AccessToken = secret.New("a\"b\\c<\u2028\n")
	inBubble(t, stored, func(t *testing.T, s *site) {
		line := s.answer(protocol.GetAuthStatus, `{"includeToken":true}`)
		require.Contains(t, line, `"authToken":"a\"b\\c\u003c\u2028\n"`)
	})
}

func TestStatusIsWhatEncodingJSONMakesOfIt(t *testing.T) {
	var encoder statusEncoder
	rapid.Check(t, func(t *rapid.T) {
		method := machine.Method(rapid.SampledFrom([]string{"", "apikey", "chatgpt", "a\"b"}).Draw(t, "method"))
		requires := rapid.Bool().Draw(t, "requires")
		status := protocol.GetAuthStatusResponse{AuthMethod: protocol.Nullable(string(method)), RequiresOpenaiAuth: requires}
		token := secret.Token{}
		if rapid.Bool().Draw(t, "has a token") {
			text := rapid.OneOf(rapid.StringMatching(`[A-Za-z0-9._~-]*`), rapid.String()).Draw(t, "token")
			token, status.AuthToken = secret.New(text), &text
		}
		want, err := json.Marshal(status)
		require.NoError(t, err)
		require.Equal(t, string(want), string(encoder.append(nil, method, token, requires)))
	})
}

func TestHealthNeedsTheExperimentalCapability(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, s *site) {
		_, message := errorOf(t, s.answer(protocol.HealthRead, ""))
		require.Equal(t, "account/health/read requires experimentalApi capability", message)
	})
}

// Codex has no such notification, and a client that decodes strictly may fail at it.
func TestHealthComesUnaskedAfterItsFirstRead(t *testing.T) {
	asked := func(o *Options, _ *engine.Options) { o.IsHealthAsked = true }
	experimental(t, tokens("access-1", "refresh-1"), asked, func(t *testing.T, s *site) {
		require.NotContains(t, strings.Join(s.ask(loginLine), "\n"), protocol.HealthUpdated)
		s.answer(protocol.HealthRead, "")
		s.answer(protocol.HealthRead, "")
		require.Equal(t, 1, strings.Count(strings.Join(s.ask(logoutLine), "\n"), protocol.HealthUpdated), "once, however often it asks")
	})
}

func TestHealthFollowsADeadToken(t *testing.T) {
	experimental(t, tokens("access-1", "refresh-1"), nil, func(t *testing.T, s *site) {
		fingerprint := tokens("access-1", "").Fingerprint().Short()
		require.JSONEq(t, `{"id":1,"result":{"state":"Fresh","reason":null,"since":"2000-01-01T00:00:00Z","fingerprint":"`+fingerprint+`",
			"accessExpiresAt":null,"lastAttemptAt":null,"nextAttemptAt":null,"unsaved":false,"inDoubt":false,"action":"none"}}`,
			s.answer(protocol.HealthRead, ""))

		s.issuer.answers = []endpoint.Answer{endpoint.Refused{Reason: history.ReasonReused}}
		s.send(`{"id":2,"method":"getAuthStatus","params":{"refreshToken":true}}`)
		time.Sleep(2 * issuerTakes)
		var states []string
		for _, line := range s.said() {
			if strings.Contains(line, protocol.HealthUpdated) {
				state, _, _ := strings.Cut(strings.SplitN(line, `"state":"`, 2)[1], `"`)
				states = append(states, state)
			}
		}
		require.Equal(t, []string{"Stale", "Poisoned"}, states, "and it is notified of every change")

		health := s.answer(protocol.HealthRead, "")
		require.Contains(t, health, `"state":"Poisoned","reason":"refresh_token_reused","since":"2000-01-01T00:00:01Z"`)
		require.Contains(t, health, `"action":"login"`)
		posts := s.issuer.posts
		require.Equal(t, 1, posts, "and asking costs nothing")
	})
}

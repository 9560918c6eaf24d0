package front

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/endpoint"
	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/protocol/jsonrpc"
)

const keyLogin = `{"type":"apiKey","apiKey":"sk-new"}`

// methodsSaid are the methods of lines, and "id N" for answers.
func methodsSaid(lines []string) (all []string) {
	for _, line := range lines {
		_, method, isNote := strings.Cut(line, `"method":"`)
		if isNote {
			method, _, _ = strings.Cut(method, `"`)
			all = append(all, method)
			continue
		}
		_, id, _ := strings.Cut(line, `"id":`)
		id, _, _ = strings.Cut(strings.TrimSuffix(id, "}"), ",")
		all = append(all, "id "+id)
	}
	return all
}

func TestALoginIsAnsweredWhenTheChildHasIt(t *testing.T) {
	for name, c := range map[string]struct {
		stored *machine.Credential
		lines  []string
		child  []string // after the handshake
		login  string
	}{
		"a key for tokens":   {tokens("a", "r"), []string{request(1, "account/login/start", keyLogin)}, []string{"account/logout", "account/login/start"}, "key sk-new"},
		"a key for none":     {nil, []string{request(1, "account/login/start", keyLogin)}, []string{"account/login/start"}, "key sk-new"},
		"a key for a key":    {apiKey("sk-old"), []string{request(1, "account/login/start", keyLogin)}, []string{"account/login/start"}, "key sk-new"},
		"tokens for a key":   {apiKey("sk-old"), []string{request(1, "account/login/start", externalLogin("x"))}, []string{"account/login/start"}, has("x")},
		"tokens for tokens":  {tokens("a", "r"), []string{request(0, "account/logout", ""), request(1, "account/login/start", externalLogin("x"))}, nil, has("x")},
		"a logout of tokens": {tokens("a", "r"), []string{request(1, "account/logout", "")}, []string{"account/logout"}, ""},
		"a logout of a key":  {apiKey("sk-old"), []string{request(1, "account/logout", "")}, []string{"account/logout"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, c.stored, nil, func(t *testing.T, s *site) {
				before := len(s.child.Lines())
				resume := s.child.Hang()
				require.Empty(t, s.ask(c.lines...), "before the child has it")
				resume()
				said := methodsSaid(s.said())
				require.Contains(t, said, "id 1")
				require.Equal(t, "account/updated", said[len(said)-1])
				require.Equal(t, c.login, s.child.Login())
				if c.child != nil {
					require.Equal(t, c.child, s.child.Methods()[before:])
				}
			})
		})
	}
}

func externalLogin(subject string) string {
	return fmt.Sprintf(`{"type":"chatgptAuthTokens","accessToken":%q,"chatgptAccountId":"account-ada"}`, jwtOf(subject).Reveal())
}

func TestATurnBehindALoginHasIt(t *testing.T) {
	inBubble(t, tokens("a", "r"), nil, func(t *testing.T, s *site) {
		resume := s.child.Hang()
		s.send(request(1, "account/login/start", keyLogin), request(2, "turn/start", ""), request(3, "thread/list", ""))
		require.Empty(t, s.said())
		resume()
		require.Len(t, s.said(), 5)
		require.Equal(t, []string{"account/logout", "account/login/start", "turn/start", "thread/list"}, s.child.Methods()[3:])
	})
}

// A client may not wait for the answer: what it sends behind a login goes out under that or
// a later one, whatever the order in which all that happens.
func TestNothingGoesOutUnderAnOlderLogin(t *testing.T) {
	logins := []string{request(1, "account/login/start", keyLogin), request(2, "account/logout", ""), request(3, "account/login/start", externalLogin("x"))}
	for n, order := range orders(logins) {
		for _, waits := range []bool{true, false} {
			t.Run(fmt.Sprint(n, waits), func(t *testing.T) {
				inBubble(t, tokens("a", "r"), nil, func(t *testing.T, s *site) {
					var seen []string
					s.child.On("thread/list", func(c *fronttestChild, r jsonrpc.Request) {
						seen = append(seen, c.Login())
						c.Answer(r, `{}`)
					})
					logins := []string{has("a")}
					resume := func() {}
					if !waits {
						resume = s.child.Hang()
					}
					for _, line := range order {
						logins = append(logins, after(line, logins[len(logins)-1]))
						s.ask(line, request(10, "thread/list", ""))
					}
					resume()
					s.said()
					require.Len(t, seen, len(order))
					for i, login := range seen {
						require.Contains(t, logins[i+1:], login)
						require.True(t, !waits || login == logins[i+1])
					}
				})
			})
		}
	}
}

// after is what the child has after a login of a client. bezoar refuses a key while it has
// tokens of the client.
func after(line, before string) string {
	switch {
	case strings.Contains(line, "logout"):
		return ""
	case strings.Contains(line, "sk-new") && before == has("x"):
		return before
	case strings.Contains(line, "sk-new"):
		return "key sk-new"
	}
	return has("x")
}

func orders(of []string) (all [][]string) {
	if len(of) == 0 {
		return [][]string{nil}
	}
	for i, first := range of {
		rest := slices.Concat(of[:i], of[i+1:])
		for _, each := range orders(rest) {
			all = append(all, append([]string{first}, each...))
		}
	}
	return all
}

func TestAChildThatHangsHoldsALoginForFiveSeconds(t *testing.T) {
	inBubble(t, tokens("a", "r"), nil, func(t *testing.T, s *site) {
		resume := s.child.Hang()
		defer resume()
		begun := time.Now()
		s.ask(request(1, "account/login/start", keyLogin))
		require.Len(t, s.ask(request(2, "getAuthStatus", `{"includeToken":true}`)), 1)
		time.Sleep(holdLimit)
		require.Equal(t, []string{"id 1", "account/login/completed", "account/updated"}, methodsSaid(s.said()))
		require.Equal(t, holdLimit, time.Since(begun))
		require.Len(t, s.ask(request(3, "account/logout", "")), 2) // a child that is known to hang holds nothing more
		resume()
		require.Empty(t, s.said())
		require.Empty(t, s.child.Login())
	})
}

func TestALoginBeforeTheChildIsReadyWaitsForNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, tokens("a", "r"), func(s *site, o *Options) { o.Version = "0.171.0"; s.child.On("initialize", fronttestOpen) })
		go s.listen()
		defer s.close()
		require.Len(t, s.ask(hello), 1)
		require.Len(t, s.ask(request(1, "account/login/start", keyLogin)), 3)
	})
}

func TestALoginMadeElsewhereIsPushedWhenTheEngineHearsOfIt(t *testing.T) {
	inBubble(t, tokens("a", "r"), nil, func(t *testing.T, s *site) {
		require.NoError(t, s.engine.Login(context.Background(), *apiKey("sk-else")))
		synctest.Wait()
		require.Equal(t, "key sk-else", s.child.Login())
		require.Equal(t, 2, s.happened(Pushed))
	})
}

func TestARefusedPushRefusesTurnsAndNothingElse(t *testing.T) {
	adjust := func(s *site, _ *Options) {
		s.child.On("account/login/start", func(c *fronttestChild, r jsonrpc.Request) { c.Fail(r, -32603, "no such workspace") })
	}
	inBubble(t, tokens("a", "r"), adjust, func(t *testing.T, s *site) {
		require.Contains(t, s.ask(request(1, "turn/start", ""))[0], "the backend did not take the login: error -32603: no such workspace")
		require.Contains(t, s.ask(request(2, "thread/list", ""))[0], "result")
		s.child.On("account/login/start", nil)
		time.Sleep(retryAfter)
		require.Contains(t, s.ask(request(3, "turn/start", ""))[0], "result")
	})
}

func TestAChildThatRepeatsTheTokenIsNotQuoted(t *testing.T) {
	adjust := func(s *site, _ *Options) {
		s.child.On("account/login/start", func(c *fronttestChild, r jsonrpc.Request) { c.Fail(r, -32603, "bad "+jwtOf("a").Reveal()) })
	}
	inBubble(t, tokens("a", "r"), adjust, func(t *testing.T, s *site) {
		require.NotContains(t, s.ask(request(1, "turn/start", ""))[0], jwtOf("a").Reveal())
		s.mu.Lock()
		defer s.mu.Unlock()
		require.NotContains(t, fmt.Sprint(s.events), jwtOf("a").Reveal())
	})
}

func TestNoTurnGoesOutWithoutALogin(t *testing.T) {
	for name, c := range map[string]struct {
		stored *machine.Credential
		phase  machine.Phase
	}{"signed out": {nil, machine.NoAuth}, "no refresh token": {aged(tokens("a", "")), machine.Poisoned}} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, c.stored, nil, func(t *testing.T, s *site) {
				for method, class := range classes {
					if class != turns {
						continue
					}
					require.Equal(t, []string{fmt.Sprintf(`{"error":{"code":-32600,"message":"bezoar says: %s"},"id":1}`, c.phase)}, s.ask(request(1, method, `{"threadId":"t"}`)))
				}
				require.NotContains(t, s.child.Methods(), "turn/start")
				require.Contains(t, s.ask(request(2, "thread/start", ""))[0], "result")
				require.NoError(t, s.store.Replace(context.Background(), *tokens("b", "r2")))
				require.Contains(t, s.ask(request(3, "turn/start", ""))[0], "result")
				require.Equal(t, has("b"), s.child.Login())
			})
		})
	}
}

// aged is a login whose access token is no longer worth trying.
func aged(c *machine.Credential) *machine.Credential {
	c.AccessToken = expiredJWT()
	return c
}

func TestThreadsOfOtherProvidersNeedNoLogin(t *testing.T) {
	adjust := func(s *site, o *Options) {
		o.RequiresAuth = func(provider string) bool { return provider == "" || provider == "openai" }
		s.child.On("thread/start", func(c *fronttestChild, r jsonrpc.Request) {
			provider := "ollama"
			if strings.Contains(string(r.Params), "openai") {
				provider = "openai"
			}
			c.Answer(r, fmt.Sprintf(`{"thread":{"id":"of-%s"},"modelProvider":%q}`, provider, provider))
		})
		s.child.On("review/start", func(c *fronttestChild, r jsonrpc.Request) { c.Answer(r, `{"turn":{},"reviewThreadId":"review"}`) })
	}
	inBubble(t, nil, adjust, func(t *testing.T, s *site) {
		s.ask(request(1, "thread/start", ""), request(2, "thread/start", `{"modelProvider":"openai"}`))
		require.Contains(t, s.ask(request(3, "turn/start", `{"threadId":"of-ollama"}`))[0], "result")
		require.Contains(t, s.ask(request(4, "turn/start", `{"threadId":"of-openai"}`))[0], "bezoar says: NoAuth")
		require.Contains(t, s.ask(request(5, "turn/start", `{"threadId":"never seen"}`))[0], "bezoar says: NoAuth")
		require.Contains(t, s.ask(request(6, "review/start", `{"threadId":"of-ollama"}`))[0], "result")
		require.Contains(t, s.ask(request(7, "turn/start", `{"threadId":"review"}`))[0], "result")
	})
}

func TestADeadLoginIsNotTakenFromTheChild(t *testing.T) {
	inBubble(t, tokens("a", "r"), nil, func(t *testing.T, s *site) {
		s.issuer.give(endpoint.Refused{Reason: history.ReasonRevoked})
		_, err := s.child.Renew(t.Context())
		require.ErrorContains(t, err, "bezoar says: Poisoned")
		synctest.Wait()
		require.Equal(t, has("a"), s.child.Login())
		require.Contains(t, s.ask(request(1, "turn/start", ""))[0], "bezoar says: Poisoned")
	})
}

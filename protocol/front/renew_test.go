package front

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine/endpoint"
	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/protocol/jsonrpc"
)

func TestARefusedTokenIsRefreshedForTheChild(t *testing.T) {
	inBubble(t, tokens("a", "r"), nil, func(t *testing.T, s *site) {
		s.issuer.give(grants("b", "r2"))
		token, err := s.child.Renew(t.Context())
		require.NoError(t, err)
		require.Equal(t, jwtOf("b").Reveal(), token)
		synctest.Wait()
		require.Equal(t, 1, s.issuer.posted())
		require.Equal(t, []string{"initialize", "account/read", "account/login/start"}, s.child.Methods(), "the answer counts as a push")
		require.Empty(t, s.said(), "the client does not see the request")
	})
}

// The floor is passed over once: a token that came of a 401 is not refreshed at once again.
func TestTheFloorIsPassedOverOnce(t *testing.T) {
	inBubble(t, tokens("a", "r"), nil, func(t *testing.T, s *site) {
		s.issuer.give(grants("b", "r2"), grants("c", "r3"))
		_, err := s.child.Renew(t.Context())
		require.NoError(t, err)
		_, err = s.child.Renew(t.Context())
		require.ErrorContains(t, err, "bezoar says: refused", "not that all is well")
		require.Equal(t, 1, s.issuer.posted())
		time.Sleep(6 * time.Second)
		_, err = s.child.Renew(t.Context())
		require.NoError(t, err)
		require.Equal(t, 2, s.issuer.posted())
	})
}

func TestANewerTokenIsTheAnswerAtOnce(t *testing.T) {
	adjust := func(s *site, _ *Options) { s.child.On("account/login/start", fronttestOpen) }
	inBubble(t, tokens("a", "r"), adjust, func(t *testing.T, s *site) {
		require.NoError(t, s.engine.Login(context.Background(), *tokens("b", "r2")))
		begun := time.Now()
		token, err := s.child.Renew(t.Context())
		require.NoError(t, err)
		require.Equal(t, jwtOf("b").Reveal(), token)
		require.Equal(t, time.Duration(0), time.Since(begun))
		require.Zero(t, s.issuer.posted())
	})
}

func TestALoginStoredElsewhereIsTheAnswer(t *testing.T) {
	inBubble(t, tokens("a", "r"), nil, func(t *testing.T, s *site) {
		require.NoError(t, s.store.Replace(context.Background(), *tokens("b", "r2")))
		token, err := s.child.Renew(t.Context())
		require.NoError(t, err)
		require.Equal(t, jwtOf("b").Reveal(), token)
		require.Zero(t, s.issuer.posted())
	})
}

// A 401 of the model does not post again what the issuer objects to, and takes no login away.
func TestAnObjectionIsPostedOnceWhateverTheChildRetries(t *testing.T) {
	for name, answer := range map[string]endpoint.Answer{"misconfigured": endpoint.Misconfigured{}, "login needed": endpoint.LoginNeeded{}} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, tokens("a", "r"), nil, func(t *testing.T, s *site) {
				s.issuer.give(answer)
				for range 6 {
					_, err := s.child.Renew(t.Context())
					require.Equal(t, &jsonrpc.Error{Code: jsonrpc.CodeInternal, Message: "bezoar says: Stale"}, err)
				}
				require.Equal(t, 1, s.issuer.posted())
				require.NoError(t, s.store.Replace(context.Background(), *tokens("b", "r2")))
				token, err := s.child.Renew(t.Context())
				require.NoError(t, err)
				require.Equal(t, jwtOf("b").Reveal(), token)
				require.Equal(t, 1, s.issuer.posted())
			})
		})
	}
}

func TestADeadLoginIsPostedOnceWhateverTheChildRetries(t *testing.T) {
	inBubble(t, tokens("a", "r"), nil, func(t *testing.T, s *site) {
		s.issuer.give(endpoint.Refused{Reason: history.ReasonReused})
		for range 6 {
			_, err := s.child.Renew(t.Context())
			require.Equal(t, &jsonrpc.Error{Code: jsonrpc.CodeInternal, Message: "bezoar says: Poisoned"}, err)
		}
		require.Equal(t, 1, s.issuer.posted())
		require.Equal(t, 6, s.happened(NotRenewed))
	})
}

func TestAnIssuerThatIsDownIsSparedByTheChildsRetries(t *testing.T) {
	inBubble(t, tokens("a", "r"), nil, func(t *testing.T, s *site) {
		s.issuer.give(endpoint.Unavailable{RetryAfter: time.Minute})
		for range 6 {
			begun := time.Now()
			_, err := s.child.Renew(t.Context())
			require.ErrorContains(t, err, "bezoar says: Stale")
			require.LessOrEqual(t, time.Since(begun), time.Second)
		}
		require.Equal(t, 1, s.issuer.posted())
	})
}

func TestAnIssuerThatIsSlowIsWaitedForForNineSeconds(t *testing.T) {
	inBubble(t, tokens("a", "r"), func(s *site, _ *Options) { s.issuer.takes = 20 * time.Second }, func(t *testing.T, s *site) {
		s.issuer.give(grants("b", "r2"))
		begun := time.Now()
		_, err := s.child.Renew(t.Context())
		require.ErrorContains(t, err, errRenewLate.Error())
		require.Equal(t, 9*time.Second, time.Since(begun), "the child gives up after ten")
		time.Sleep(11 * time.Second)
		synctest.Wait()
		require.Equal(t, has("b"), s.child.Login(), "the token is pushed when it comes")
		require.Equal(t, 1, s.issuer.posted())
	})
}

func TestAKeyIsNotRenewed(t *testing.T) {
	inBubble(t, apiKey("sk-1"), nil, func(t *testing.T, s *site) {
		_, err := s.child.Renew(t.Context())
		require.ErrorContains(t, err, "bezoar says: ApiKey")
	})
}

// The client gave the tokens, and is asked for others under an id of bezoar's.
func TestTokensOfTheClientAreRenewedByTheClient(t *testing.T) {
	inBubble(t, nil, nil, func(t *testing.T, s *site) {
		s.ask(request(1, "account/login/start", externalLogin("x")))
		renewed := make(chan string, 1)
		go func() {
			token, _ := s.child.Renew(t.Context())
			renewed <- token
		}()
		asked := s.said()
		require.Len(t, asked, 1)
		require.Contains(t, asked[0], `"id":"bezoar-0","method":"account/chatgptAuthTokens/refresh"`)
		s.ask(fmt.Sprintf(`{"id":"bezoar-0","result":{"accessToken":%q,"chatgptAccountId":"account-ada"}}`, jwtOf("y").Reveal()))
		require.Equal(t, jwtOf("y").Reveal(), <-renewed)
		s.ask(`{"id":"bezoar-0","result":{}}`)
		require.NotContains(t, s.child.Methods(), "answer", "a second answer goes nowhere")
	})
}

// A push in flight and an answer to the child's request may take effect in either order, so
// that the child is given the login once more, also if that is the one of the push again.
func TestAPushThatCrossesAnAnswerIsRepeated(t *testing.T) {
	for _, last := range []string{"b", "c"} {
		t.Run(last, func(t *testing.T) { crosses(t, last) })
	}
}

func crosses(t *testing.T, last string) {
	inBubble(t, tokens("a", "r"), nil, func(t *testing.T, s *site) {
		var held jsonrpc.Request
		s.child.On("account/login/start", func(_ *fronttestChild, r jsonrpc.Request) { held = r })
		require.NoError(t, s.engine.Login(context.Background(), *tokens("b", "r2")))
		synctest.Wait()
		s.child.SetLogin(has("a")) // it has not taken the push up
		require.NoError(t, s.engine.Login(context.Background(), *tokens("c", "r3")))
		token, err := s.child.Renew(t.Context())
		require.NoError(t, err)
		require.Equal(t, jwtOf("c").Reveal(), token)
		if last == "c" {
			s.child.SetLogin(has("b")) // and does now
		} else {
			require.NoError(t, s.engine.Login(context.Background(), *tokens("b", "r4"))) // and has taken it up before
		}
		s.child.On("account/login/start", nil)
		s.child.Answer(held, `{"type":"chatgptAuthTokens"}`)
		synctest.Wait()
		require.Equal(t, has(last), s.child.Login())
	})
}

func TestAFailedTurnSaysWhyInTheUsersWords(t *testing.T) {
	inBubble(t, tokens("a", "r"), nil, func(t *testing.T, s *site) {
		s.issuer.give(endpoint.Refused{Reason: history.ReasonReused})
		_, err := s.child.Renew(t.Context())
		require.Error(t, err)
		for _, message := range []string{"auth refresh request failed: code=-32603", "auth refresh request timed out after 10s"} {
			s.child.Write(fmt.Sprintf(`{"method":"error","params":{"error":{"message" : %q,"codexErrorInfo":"other"},"willRetry":false}}`, message))
			s.child.Write(fmt.Sprintf(`{"method":"turn/completed","params":{"turn":{"id":"t","error":{"message":%q}}}, "more":1}`, message))
			require.Equal(t, []string{
				`{"method":"error","params":{"error":{"message" : "bezoar says: Poisoned","codexErrorInfo":"other"},"willRetry":false}}`,
				`{"method":"turn/completed","params":{"turn":{"id":"t","error":{"message":"bezoar says: Poisoned"}}}, "more":1}`,
			}, s.said())
		}
	})
}

func TestARetryThatTellsOfTheTokenSaysWhyInTheUsersWords(t *testing.T) {
	inBubble(t, nil, nil, func(t *testing.T, s *site) {
		s.child.Write(`{"method":"error","params":{"error":{"message":"Reconnecting... 1/5","additionalDetails":"auth refresh request failed: code=-32603"},"willRetry":true}}`)
		require.Equal(t, []string{`{"method":"error","params":{"error":{"message":"Reconnecting... 1/5","additionalDetails":"bezoar says: NoAuth"},"willRetry":true}}`}, s.said())
	})
}

func TestOtherFailuresOfATurnPass(t *testing.T) {
	inBubble(t, tokens("a", "r"), nil, func(t *testing.T, s *site) {
		for _, line := range []string{
			`{"method":"error","params":{"error":{"message":"the model says: auth refresh request failed: code=1"}}}`,
			`{"method":"error","params":{"error":"auth refresh request failed: code=1"}}`,
			`{"method":"error","params":"auth refresh request failed: code=1"}`,
			`{"method":"turn/completed","params":{"turn":{"error":null,"of":"auth refresh request failed: code=1"}}}`,
			`{"method":"turn/completed"}`,
		} {
			s.child.Write(line)
			require.Equal(t, []string{line}, s.said())
		}
	})
}

func TestAnEndingFrontLetsARenewalGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, tokens("a", "r"), func(s *site, _ *Options) { s.issuer.takes = time.Hour })
		go s.listen()
		s.ask(hello)
		ended := make(chan error, 1)
		go func() {
			_, err := s.child.Renew(context.Background())
			ended <- err
		}()
		synctest.Wait()
		begun := time.Now()
		require.NoError(t, s.close())
		require.Error(t, <-ended)
		require.LessOrEqual(t, time.Since(begun), 10*time.Second)
	})
}

package front

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine/endpoint"
	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/machine/machinetest"
	"github.com/bezoar-auth/bezoar/protocol/jsonrpc"
)

// A request that was under way with the token before a push is answered 401 after it.
func TestA401ForAnOlderTokenIsNotAboutTheNewOne(t *testing.T) {
	inBubble(t, tokens("a", "r"), nil, func(t *testing.T, s *site) {
		require.NoError(t, s.engine.Login(context.Background(), *tokens("b", "r2")))
		synctest.Wait()
		time.Sleep(9 * time.Second)
		token, err := s.child.Renew(t.Context())
		require.NoError(t, err)
		require.Equal(t, jwtOf("b").Reveal(), token)
		require.Zero(t, s.issuer.posted())

		s.issuer.give(grants("c", "r3"))
		token, err = s.child.Renew(t.Context())
		require.NoError(t, err)
		require.Equal(t, jwtOf("c").Reveal(), token, "the new one is refused as well")
		require.Equal(t, 1, s.issuer.posted())
	})
}

// runs has the child say that so many turns have begun.
func (s *site) runs(turns int) {
	for range turns {
		s.child.Write(`{"method":"turn/started","params":{}}`)
	}
	s.said()
}

// Two turns meet a 401 with the same token: what is there in its place by then is not refused.
func TestTurnsThatReportOneOlderTokenCostNothing(t *testing.T) {
	inBubble(t, tokens("a", "r"), nil, func(t *testing.T, s *site) {
		s.runs(3)
		require.NoError(t, s.engine.Login(context.Background(), *tokens("b", "r2")))
		synctest.Wait()
		for range 3 {
			token, err := s.child.Renew(t.Context())
			require.NoError(t, err)
			require.Equal(t, jwtOf("b").Reveal(), token)
		}
		require.Zero(t, s.issuer.posted())
		s.issuer.give(grants("c", "r3"))
		token, err := s.child.Renew(t.Context())
		require.NoError(t, err)
		require.Equal(t, jwtOf("c").Reveal(), token, "the fourth is about the new one")
	})
}

func TestTheTurnsBehindARefreshHaveItsTokenForTheOldOne(t *testing.T) {
	inBubble(t, tokens("a", "r"), nil, func(t *testing.T, s *site) {
		s.runs(3)
		s.child.Write(`{"method":"turn/completed","params":{}}`)
		s.said()
		s.issuer.give(grants("b", "r2"), grants("c", "r3"))
		for range 2 {
			token, err := s.child.Renew(t.Context())
			require.NoError(t, err)
			require.Equal(t, jwtOf("b").Reveal(), token, "two turns, one refresh")
		}
		require.Equal(t, 1, s.issuer.posted())
		time.Sleep(6 * time.Second)
		token, err := s.child.Renew(t.Context())
		require.NoError(t, err)
		require.Equal(t, jwtOf("c").Reveal(), token, "both have the new one by now")
		require.Equal(t, 2, s.issuer.posted())
	})
}

func TestA401LongAfterAPushIsAboutThePushedToken(t *testing.T) {
	inBubble(t, tokens("a", "r"), nil, func(t *testing.T, s *site) {
		require.NoError(t, s.engine.Login(context.Background(), *tokens("b", "r2")))
		synctest.Wait()
		time.Sleep(olderLimit)
		s.issuer.give(grants("c", "r3"))
		token, err := s.child.Renew(t.Context())
		require.NoError(t, err)
		require.Equal(t, jwtOf("c").Reveal(), token)
	})
}

// The child asks twice while a push is in flight: the second time about the first answer.
func TestA401IsAboutWhatTheChildWasSentLast(t *testing.T) {
	inBubble(t, tokens("a", "r"), nil, func(t *testing.T, s *site) {
		s.child.On("account/login/start", fronttestOpen)
		require.NoError(t, s.engine.Login(context.Background(), *tokens("b", "r2")))
		synctest.Wait()
		require.NoError(t, s.engine.Login(context.Background(), *tokens("c", "r3")))
		token, err := s.child.Renew(t.Context())
		require.NoError(t, err)
		require.Equal(t, jwtOf("c").Reveal(), token)
		s.issuer.give(grants("d", "r4"))
		token, err = s.child.Renew(t.Context())
		require.NoError(t, err)
		require.Equal(t, jwtOf("d").Reveal(), token)
	})
}

// The child keeps tokens of a login whose refresh is due, and not those of a login before.
func TestAnOlderLoginIsNotKeptForWantOfAToken(t *testing.T) {
	old := tokens("b", "r2")
	old.AccessToken = machinetest.Expiring("b", bubbleBegins.Add(-time.Hour))
	t.Run("after a key", func(t *testing.T) {
		var held jsonrpc.Request
		adjust := func(s *site, _ *Options) {
			s.child.On("account/login/start", func(_ *fronttestChild, r jsonrpc.Request) { held = r })
		}
		inBubble(t, tokens("a", "r"), adjust, func(t *testing.T, s *site) {
			require.NoError(t, s.engine.Login(context.Background(), *apiKey("sk-1")))
			require.NoError(t, s.engine.Login(context.Background(), *old))
			s.child.On("account/login/start", nil)
			s.child.SetLogin(has("a"))
			s.child.Answer(held, `{"type":"chatgptAuthTokens"}`)
			synctest.Wait()
			require.Empty(t, s.child.Login())
			s.issuer.give(endpoint.Refused{Reason: history.ReasonReused})
			s.send(request(1, "turn/start", ""))
			time.Sleep(2 * time.Second)
			require.Contains(t, s.said()[0], "bezoar says: ")
			require.NotContains(t, s.child.Methods(), "turn/start")
		})
	})
	t.Run("in place of a key", func(t *testing.T) {
		inBubble(t, apiKey("sk-1"), nil, func(t *testing.T, s *site) {
			require.NoError(t, s.engine.Login(context.Background(), *old))
			synctest.Wait()
			require.Empty(t, s.child.Login())
		})
	})
	t.Run("of another account", func(t *testing.T) {
		inBubble(t, tokens("a", "r"), nil, func(t *testing.T, s *site) {
			other := *old
			other.AccountID = "account-eve"
			require.NoError(t, s.engine.Login(context.Background(), other))
			synctest.Wait()
			require.Empty(t, s.child.Login())
		})
	})
	t.Run("but of the same", func(t *testing.T) {
		inBubble(t, tokens("a", "r"), nil, func(t *testing.T, s *site) {
			require.NoError(t, s.engine.Login(context.Background(), *old))
			synctest.Wait()
			require.Equal(t, has("a"), s.child.Login())
		})
	})
}

// A push may come between the look at a login and the line that goes out under it.
func TestALineIsLookedAtAgainAfterAPush(t *testing.T) {
	inBubble(t, tokens("a", "r"), nil, func(t *testing.T, s *site) {
		turn := item{line: []byte(request(1, "turn/start", "")), method: "turn/start", class: turns, isRequest: true}
		c := s.front.clear(&turn)
		require.Empty(t, c.refusal)
		_, err := s.engine.Logout(context.Background())
		require.NoError(t, err)
		synctest.Wait()
		require.False(t, s.front.queue.settle(turn, c))
		require.NotContains(t, s.child.Methods(), "turn/start")
		require.Equal(t, "bezoar says: NoAuth", s.front.clear(&turn).refusal)
	})
}

package engine_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/engine"
	"github.com/bezoar-auth/bezoar/machine/machinetest"
	"github.com/bezoar-auth/bezoar/machine/secret"
)

// published is what another program puts into the store for programs that must not
// refresh.
func published(name string, expires time.Duration) machine.Credential {
	c := login(name, expires)
	c.Method, c.RefreshToken, c.AccessToken = machine.MethodExternal, secret.New(""), machinetest.Expiring(name, time.Now().Add(expires))
	return c
}

func first() *machine.Credential { c := published("first", time.Hour); return &c }

func TestAPublishedLoginIsFollowedByEachAsk(t *testing.T) {
	inBubble(t, first, func(t *testing.T, s *site) {
		for _, name := range []string{"second", "third"} {
			newer := published(name, time.Hour)
			s.write(newer)
			s.asking(poll).gives(newer.AccessToken)
			loads := s.store.loads.Load()
			s.asking(demand).gives(newer.AccessToken)
			require.Equal(t, loads, s.store.loads.Load(), "its mark has not changed")
		}
		require.Zero(t, s.posts())
	})
}

func TestAPublishedLoginIsNeverRefreshed(t *testing.T) {
	inBubble(t, first, func(t *testing.T, s *site) {
		client := &supplier{next: external("given")}
		s.restart(func(o *engine.Options) { o.Renewer = client })
		defer s.keeping()()
		old := s.Snapshot().Access()
		after, err := s.Rejected(t.Context(), old)
		require.NoError(t, err)
		require.True(t, after.Token().IsAbsent())
		passing(2 * time.Hour)
		s.asking(demand)
		require.Zero(t, s.posts())
		require.Zero(t, client.asks, "it did not give these tokens")

		newer := published("newer", time.Hour)
		s.write(newer)
		s.asking(poll).gives(newer.AccessToken, "the one that was refused has a successor")
	})
}

func TestA401OfAPublishedTokenFindsItsSuccessor(t *testing.T) {
	inBubble(t, first, func(t *testing.T, s *site) {
		old, newer := s.Snapshot().Access(), published("newer", time.Hour)
		s.write(newer)
		after, err := s.Rejected(t.Context(), old)
		require.NoError(t, err)
		require.Equal(t, newer.AccessToken.Fingerprint(), after.Token().Fingerprint())
	})
}

func TestAPublishedLoginEndsWithItsRecord(t *testing.T) {
	inBubble(t, first, func(t *testing.T, s *site) {
		require.NoError(t, s.store.Delete(t.Context()))
		s.asking(poll).gives(secret.Token{})
		require.Equal(t, machine.NoAuth, s.Snapshot().Phase())
		s.revokes()
	})
}

func TestAPublishedLoginYieldsWhenItIsOver(t *testing.T) {
	inBubble(t, first, func(t *testing.T, s *site) {
		old, other := s.Snapshot().Access(), otherAccount("other")
		s.write(other)
		s.asking(poll)
		require.Equal(t, old, s.Snapshot().Access(), "the account does not change while the token is good")
		passing(61 * time.Minute)
		s.asking(poll)
		require.Equal(t, other.AccessToken.Fingerprint(), s.Snapshot().Access())
	})
}

// What a client gives has nothing to do with the store, before and after.
func TestTokensOfTheClientAreNotFollowedInTheStore(t *testing.T) {
	inBubble(t, first, func(t *testing.T, s *site) {
		given := external("given")
		require.NoError(t, s.Login(t.Context(), given))
		s.write(published("newer", time.Hour))
		s.asking(poll).gives(given.AccessToken)
		require.NoError(t, s.store.Delete(t.Context()))
		s.asking(poll).gives(given.AccessToken)
	})
}

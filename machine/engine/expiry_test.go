package engine_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/endpoint"
	"github.com/bezoar-auth/bezoar/machine/secret"
)

// opaque is a grant of an access token that does not say when it expires, by an
// issuer that does.
func opaque(name string, lifetime time.Duration) endpoint.Issued {
	given := granted(login(name, time.Hour))
	given.Response.AccessToken, given.Response.Lifetime = secret.New("opaque-"+name), lifetime
	given.Response = given.Response.SentAt(time.Now())
	return given
}

func TestExpiryOfAnOpaqueTokenIsKnownToAllProcesses(t *testing.T) {
	inBubble(t, good, func(t *testing.T, s *site) {
		given := opaque("second", time.Hour)
		s.asking(demand)
		s.answer(given)
		require.Equal(t, given.Response.ExpiresAt, s.Snapshot().Expiry())

		later := s.start()
		<-later.Ready()
		require.Equal(t, given.Response.ExpiresAt, later.Snapshot().Expiry(), "a process that starts later")
		later.Close(ended())

		time.Sleep(56 * time.Minute)
		s.asking(poll)
		s.answer(granted(login("third", time.Hour)))
		require.Equal(t, 2, s.posts(), "it is refreshed before its end, and not after eight days")
	})
}

func TestTheExpiryOfALoginIsKeptForTheNextProcess(t *testing.T) {
	inBubble(t, noLogin, func(t *testing.T, s *site) {
		c := login("first", time.Hour)
		c.AccessToken, c.ExpiresAt = secret.New("opaque"), time.Now().Add(time.Hour).Round(0)
		require.NoError(t, s.Login(t.Context(), c))
		require.Equal(t, c.ExpiresAt, s.Snapshot().Expiry())
		later := s.start()
		defer later.Close(ended())
		<-later.Ready()
		require.True(t, c.ExpiresAt.Equal(later.Snapshot().Expiry()))
	})
}

func TestAnExpiryIsThatOfOneTokenAlone(t *testing.T) {
	inBubble(t, good, func(t *testing.T, s *site) {
		s.asking(demand)
		s.answer(opaque("second", time.Hour))
		other := login("third", time.Hour)
		other.AccessToken = secret.New("another opaque one")
		s.write(other)
		later := s.start()
		defer later.Close(ended())
		<-later.Ready()
		require.Zero(t, later.Snapshot().Expiry())
	})
}

func TestExpiryInTheTokenGoesBeforeExpiresIn(t *testing.T) {
	inBubble(t, good, func(t *testing.T, s *site) {
		given := granted(login("second", time.Hour))
		given.Response.Lifetime = time.Minute
		given.Response = given.Response.SentAt(time.Now())
		s.asking(demand)
		s.answer(given)
		require.Equal(t, time.Now().Add(time.Hour).Unix(), s.Snapshot().Expiry().Unix())
	})
}

// A cache between here and the issuer may answer with what it has.
func TestAGrantOfTheTokenThatIsOverHasRefreshedNothing(t *testing.T) {
	again := func(s *site, refresh string) endpoint.Issued {
		given := granted(s.stored())
		given.Response.RefreshToken = secret.New(refresh)
		return given
	}
	t.Run("expired", func(t *testing.T) {
		inBubble(t, expired, func(t *testing.T, s *site) {
			s.asking(poll)
			s.answer(again(s, "rotated"))
			now := s.Snapshot().Assess(time.Now())
			require.Equal(t, machine.Stale, now.Phase)
			require.False(t, now.Usable)
			require.Equal(t, machine.ActionWait, now.Action)
			require.Equal(t, "rotated", s.stored().RefreshToken.Reveal(), "the refresh token is kept all the same")
		})
	})
	t.Run("refused by a resource server", func(t *testing.T) {
		inBubble(t, good, func(t *testing.T, s *site) {
			held := s.stored()
			go s.Rejected(t.Context(), held.AccessToken.Fingerprint())
			synctest.Wait()
			s.answer(again(s, "rotated"))
			require.True(t, s.Snapshot().Token().IsEmpty())
			require.Equal(t, "rotated", s.stored().RefreshToken.Reveal())
			s.asking(poll)
			require.Equal(t, 1, s.posts(), "and the next one waits")
		})
	})
	t.Run("still good", func(t *testing.T) {
		inBubble(t, good, func(t *testing.T, s *site) {
			s.asking(demand)
			s.answer(again(s, "rotated"))
			require.Equal(t, machine.Fresh, s.Snapshot().Phase())
		})
	})
	t.Run("prolonged", func(t *testing.T) {
		inBubble(t, noLogin, func(t *testing.T, s *site) {
			c := login("first", time.Hour)
			c.AccessToken, c.ExpiresAt = secret.New("opaque"), time.Now().Add(time.Hour).Round(0)
			require.NoError(t, s.Login(t.Context(), c))
			time.Sleep(2 * time.Hour)
			s.asking(poll)
			given := granted(c)
			given.Response.Lifetime = time.Hour
			given.Response = given.Response.SentAt(time.Now())
			s.answer(given)
			require.Equal(t, machine.Fresh, s.Snapshot().Phase())
		})
	})
}

package properties

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/store"
)

// verify demands what a storm must not break, by what the issuer saw and what
// the ledger says.
func (s *storm) verify(t *testing.T) {
	windows := s.windows(t)
	kept := map[secret.Fingerprint]bool{}
	for _, each := range s.entries {
		kept[each.Key] = kept[each.Key] || each.Kind == store.Rotated
	}
	uses, lost := map[secret.Fingerprint]int{}, 0
	for _, post := range s.archive.posts {
		key := s.names.Key(post.token)
		uses[key]++
		switch {
		case uses[key] > 2:
			require.Fail(t, "a token is posted a third time")
		case uses[key] == 2:
			require.NotZero(t, windows[key], "a token is posted twice, and nobody was killed over it")
			require.False(t, post.isGranted)
		default:
			require.True(t, post.isGranted, "a token is refused that was not posted before")
		}
		if post.isGranted && !kept[key] {
			lost++
			require.NotZero(t, windows[key], "new tokens are lost, and nobody was killed over it")
		}
	}
	for _, key := range s.ended {
		require.NotZero(t, windows[key], "a login has ended, and nobody was killed over it")
	}
	counts := s.issuer.Counts()
	require.Equal(t, counts.Posts, counts.Grants+counts.Replays)
	require.LessOrEqual(t, counts.Replays, len(windows))
	require.GreaterOrEqual(t, counts.Grants, *stormRotations)
	end := s.archive.setOf(s.stored(t))
	require.Equal(t, s.lastWord.RefreshToken.Fingerprint(), end.login, "the login that was made last is the one that is there")
	t.Logf("%d asks, %d posts = %d rotations + %d replays of tokens in doubt; %d killed, %d of them with an intent, %d with tokens that nobody else had; %d logins ended and %d were given up, all explained, which %d asks were told",
		s.asked.Load(), counts.Posts, counts.Grants, counts.Replays, s.deaths.Load(), sum(windows), lost, len(s.ended), s.givenUp, s.withheld)
}

// windows counts, by key, those who were killed between their intent and its
// outcome. Nobody else may leave one open.
func (s *storm) windows(t *testing.T) map[secret.Fingerprint]int {
	type refresh struct {
		pid int
		key secret.Fingerprint
	}
	open := map[refresh]bool{}
	for _, each := range s.entries {
		switch each.Kind {
		case store.Intended:
			open[refresh{each.PID, each.Key}] = true
		case store.Rotated, store.Refused, store.Deferred:
			delete(open, refresh{each.PID, each.Key})
		}
	}
	windows := map[secret.Fingerprint]int{}
	for each := range open {
		_, wasKilled := s.killed[each.pid]
		require.True(t, wasKilled, "a process that lived left an intent open")
		windows[each.key]++
	}
	return windows
}

func sum(counts map[secret.Fingerprint]int) (all int) {
	for _, each := range counts {
		all += each
	}
	return all
}

package processes

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/store/system"
)

// verify demands what a storm must not break, by what the issuer saw and what
// the ledger says. Each replay, each loss and each login that ended has a cause, a
// process that was killed between its intent and the outcome; one that was only
// stopped is an excuse for nothing.
func (s *storm) verify(t *testing.T) {
	windows := s.windows(t)
	kept := s.kept(t)
	uses, lost := map[secret.Fingerprint]int{}, 0
	for _, post := range s.archive.posts {
		key := s.names.TokenID(post.token)
		uses[key]++
		switch {
		case uses[key] > 2:
			require.Fail(t, "a token is posted a third time, after it was refused")
		case uses[key] == 2:
			require.NotEmpty(t, windows[key], "a token is posted twice, and no process was killed over it")
			require.True(t, post.next.IsEmpty())
			first := windows[key][0]
			require.True(t, first.at.Before(post.at), "a token is posted again at %v, and who posted it first lives: it %v at %v", post.at, first, first.at)
			t.Logf("replay of %s: %s", key.Short(), told(windows[key]))
		default:
			require.False(t, post.next.IsEmpty(), "a token is refused that was not posted before")
		}
		if !post.next.IsEmpty() && !kept[s.names.TokenID(post.next)] {
			if s.isDisplaced(post) {
				t.Logf("dropped: what was granted for %s: another login took its place", key.Short())
				continue
			}
			lost++
			require.NotEmpty(t, windows[key], "new tokens are lost, and no process was killed over it")
			t.Logf("lost: what was granted for %s: %s", key.Short(), told(windows[key]))
		}
	}
	for _, key := range s.ended {
		require.NotEmpty(t, windows[key], "a login has ended, and no process was killed over it")
	}
	counts := s.issuer.Counts()
	require.Equal(t, counts.Posts, counts.Grants+counts.Replays)
	require.LessOrEqual(t, counts.Replays, len(windows))
	require.GreaterOrEqual(t, counts.Grants, s.rotations)
	end := s.archive.setOf(s.stored(t))
	last := s.lastWord.RefreshToken.Fingerprint()
	if s.isUnlocked && !s.kind.Keeps(system.Exchanges) { // a save that was about to rename may have undone it
		require.True(t, slices.ContainsFunc(s.made, func(m storedLogin) bool { return m.family == end.login }), "what is there is a login that was made")
	} else {
		require.Equal(t, last, end.login, "the login that was made last is the one that is there")
	}
	t.Logf("%d asks, %d posts = %d rotations + %d replays of tokens in doubt; %d stopped and let go on, %d killed, %d of them with an intent, %d with tokens that no other process had; %d logins ended and %d were given up, all explained, and %d asks learned so",
		s.asked.Load(), counts.Posts, counts.Grants, counts.Replays, s.standstills.Load(), s.deaths.Load(), sum(windows), lost, len(s.ended), s.givenUp, s.withheld)
}

// kept are the keys of what was granted and written down, used or stored: the
// rest is lost.
func (s *storm) kept(t *testing.T) map[secret.Fingerprint]bool {
	kept := map[secret.Fingerprint]bool{s.names.TokenID(s.stored(t).RefreshToken): true}
	for _, each := range s.entries {
		kept[each.NextID] = kept[each.NextID] || each.Kind == persist.Rotated
	}
	for _, post := range s.archive.posts {
		kept[s.names.TokenID(post.token)] = true
	}
	return kept
}

// saveLasts is how long a save may take on a busy machine, with a standstill in it.
const saveLasts = 2 * stormDeadline

// isDisplaced reports whether what was granted was dropped on purpose: it was written
// down, without a successor, and a later login was stored before its save was over.
func (s *storm) isDisplaced(post posted) bool {
	key := s.names.TokenID(post.token)
	family := s.archive.sets[post.next.Fingerprint()].login
	own := slices.IndexFunc(s.made, func(l storedLogin) bool { return l.family == family })
	return slices.ContainsFunc(s.entries, func(e persist.Entry) bool {
		isDrop := e.Kind == persist.Rotated && e.TokenID == key && e.NextID == ""
		isLater := func(l storedLogin) bool { return l.at.Before(e.At.Add(saveLasts)) }
		return isDrop && slices.ContainsFunc(s.made[own+1:], isLater)
	})
}

func told(dead []death) string {
	causes := make([]string, 0, len(dead))
	for _, each := range dead {
		causes = append(causes, "its poster "+each.String())
	}
	return strings.Join(causes, ", ")
}

// windows are, by key, the deaths between an intent and its outcome, in the order of
// the intents. Who lives leaves no intent open.
func (s *storm) windows(t *testing.T) map[secret.Fingerprint][]death {
	type refresh struct {
		pid int
		key secret.Fingerprint
	}
	var open []refresh
	for _, e := range s.entries {
		each := refresh{e.PID, e.TokenID}
		switch e.Kind {
		case persist.Intended:
			open = append(open, each)
		case persist.Rotated, persist.Refused, persist.Deferred:
			open = slices.DeleteFunc(open, func(other refresh) bool { return other == each })
		}
	}
	windows := map[secret.Fingerprint][]death{}
	for _, each := range open {
		how, wasKilled := s.killed[each.pid]
		require.True(t, wasKilled, "a process that lived left an intent open")
		windows[each.key] = append(windows[each.key], how)
	}
	return windows
}

func sum(windows map[secret.Fingerprint][]death) (all int) {
	for _, each := range windows {
		all += len(each)
	}
	return all
}

package engine_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/endpoint"
	"github.com/bezoar-auth/bezoar/machine/engine"
	"github.com/bezoar-auth/bezoar/machine/evidence"
	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/machine/persist"
)

var (
	wrongClient   = endpoint.Misconfigured{Evidence: evidence.Evidence{Status: 401, Code: "invalid_client"}}
	personWanted  = endpoint.LoginNeeded{Evidence: evidence.Evidence{Status: 400, Code: "interaction_required"}}
	nothingWanted = endpoint.Misconfigured{Evidence: evidence.Evidence{Status: 401}, Unexplained: true}
)

func underProfile(name string) func(*engine.Options) {
	return func(o *engine.Options) { o.Policy.Profile = name }
}

// objections are the answers, with what has to be done about each.
var objections = map[string]struct {
	answer endpoint.Answer
	reason evidence.BlockReason
	action machine.Action
}{
	"misconfigured": {wrongClient, evidence.BlockMisconfigured, machine.ActionOperator},
	"login needed":  {personWanted, evidence.BlockLoginNeeded, machine.ActionLogin},
}

// One post for each token and profile, and not one for each process, poll or start.
func TestAnObjectionIsPostedOnceForAllProcesses(t *testing.T) {
	for name, each := range objections {
		t.Run(name, func(t *testing.T) {
			inBubble(t, aged, func(t *testing.T, s *site) {
				s.restart(underProfile("profile"))
				sister := s.startWith(underProfile("profile"))
				first := s.asking(demand)
				s.answer(each.answer)
				first.gives(s.stored().AccessToken, "the access token serves while it lives")
				for range 100 {
					s.asking(demand)
					_, _ = sister.Status(t.Context(), demand)
					time.Sleep(10 * time.Minute)
				}
				s.restart(underProfile("profile"))
				s.asking(demand)
				_, _ = s.Rejected(t.Context(), s.stored().AccessToken.Fingerprint())
				require.Equal(t, 1, s.posts())
				for _, e := range []*engine.Engine{s.Engine, sister} {
					said := e.Snapshot().Assess(time.Now())
					require.Equal(t, []any{machine.Stale, string(each.reason), each.action}, []any{said.Phase, said.Reason, said.Action})
					require.Zero(t, said.NextAttemptAt)
					require.False(t, said.InDoubt, "the issuer has answered")
					_, condemned := e.Snapshot().Verdict()
					require.False(t, condemned)
				}
				require.Empty(t, s.entries(persist.Refused))
				require.Len(t, s.entries(persist.Deferred), 1)
				sister.Close(ended())
			})
		})
	}
}

func TestAChangedProfileIsAskedForOnceAgain(t *testing.T) {
	inBubble(t, aged, func(t *testing.T, s *site) {
		s.restart(underProfile("wrong"))
		s.asking(demand)
		s.answer(wrongClient)
		s.restart(underProfile("wrong too"))
		s.asking(demand)
		s.answer(wrongClient)
		for _, profile := range []string{"wrong", "wrong too", "wrong"} {
			s.restart(underProfile(profile))
			s.asking(demand)
			require.Equal(t, 2, s.posts(), "two processes whose profiles differ do not take turns")
		}
		s.restart(underProfile("right"))
		asked := s.asking(demand)
		next := login("next", time.Hour)
		s.answer(granted(next))
		asked.gives(next.AccessToken)
	})
}

func TestALoginIsRefreshedAfterAnObjection(t *testing.T) {
	inBubble(t, aged, func(t *testing.T, s *site) {
		s.restart(underProfile("profile"))
		s.asking(demand)
		s.answer(personWanted)
		same := login("first", 4*time.Minute)
		require.NoError(t, s.Login(t.Context(), same), "the issuer gives the same refresh token again")
		for range 2 { // this process, and one that begins
			s.asking(demand)
			s.answer(endpoint.Unavailable{})
			time.Sleep(time.Minute)
			s.restart(underProfile("profile"))
		}
		require.Equal(t, 3, s.posts())
	})
}

func TestALoginStoredElsewhereEndsAnObjection(t *testing.T) {
	inBubble(t, aged, func(t *testing.T, s *site) {
		s.restart(underProfile("profile"))
		s.asking(demand)
		s.answer(wrongClient)
		other := login("other", time.Hour)
		s.write(other)
		s.asking(poll).gives(other.AccessToken)
		require.Equal(t, machine.ActionNone, s.Snapshot().Assess(time.Now()).Action)
	})
}

func TestAnObjectionTouchesNoLoginThatCameMeanwhile(t *testing.T) {
	inBubble(t, aged, func(t *testing.T, s *site) {
		s.restart(underProfile("profile"))
		asked := s.asking(demand)
		other := login("other", time.Hour)
		s.write(other)
		s.answer(wrongClient)
		asked.gives(other.AccessToken)
		require.Equal(t, machine.ActionNone, s.Snapshot().Assess(time.Now()).Action)
		s.write(*aged())
		require.Equal(t, 1, s.posts())
	})
}

// An earlier post without an outcome may have spent the token: the objection to a later
// one says nothing about that.
func TestAnObjectionSettlesNoEarlierDoubt(t *testing.T) {
	inBubble(t, expired, func(t *testing.T, s *site) {
		s.restart(underProfile("profile"))
		id := policy.TokenID(s.stored())
		crashed := s.ledger.Process(77)
		require.NoError(t, crashed.Intend(t.Context(), persist.Entry{Kind: persist.Intended, TokenID: id}, history.Doubt{}))
		crashed.Crash()
		s.asking(poll)
		s.answer(wrongClient)
		doubt, err := s.ledger.Process(78).Doubt(t.Context(), id)
		require.NoError(t, err)
		require.Equal(t, 1, doubt.Times)
		s.restart(underProfile("right"))
		s.asking(poll)
		require.Equal(t, 2, s.posts(), "it is in doubt once, and not twice")
		s.answer(endpoint.Unavailable{})
	})
}

// A 401 without a code may be that of a gateway in front of the issuer.
func TestAClientThatMayBeWrongIsTriedAgainSeldom(t *testing.T) {
	inBubble(t, aged, func(t *testing.T, s *site) {
		s.restart(underProfile("profile"))
		sister := s.startWith(underProfile("profile"))
		s.asking(demand)
		s.answer(nothingWanted)
		for _, e := range []*engine.Engine{s.Engine, sister} {
			_, _ = e.Status(t.Context(), demand)
			said := e.Snapshot().Assess(time.Now())
			require.Equal(t, string(evidence.BlockMisconfigured), said.Reason)
			require.Equal(t, machine.ActionOperator, said.Action)
			require.Equal(t, time.Minute, time.Until(said.NextAttemptAt).Round(time.Second), "for all processes")
		}
		require.Equal(t, 1, s.posts())
		require.Empty(t, s.entries(persist.Refused))
		time.Sleep(time.Minute)
		s.asking(demand)
		next := login("next", time.Hour)
		s.answer(granted(next))
		s.asking(poll).gives(next.AccessToken)
		sister.Close(ended())
	})
}

func TestAKeeperPostsNothingThatTheIssuerObjectsTo(t *testing.T) {
	inBubble(t, aged, func(t *testing.T, s *site) {
		s.restart(underProfile("profile"))
		go s.Keep(t.Context())
		time.Sleep(time.Minute)
		s.answer(wrongClient)
		time.Sleep(24 * time.Hour)
		require.Equal(t, 1, s.posts())
		s.write(login("other", 4*time.Minute))
		time.Sleep(time.Minute)
		s.answer(endpoint.Unavailable{})
		require.Equal(t, 2, s.posts(), "another login is refreshed again")
	})
}

func TestPeekForetellsAnObjection(t *testing.T) {
	for name, each := range objections {
		t.Run(name, func(t *testing.T) {
			inBubble(t, aged, func(t *testing.T, s *site) {
				s.restart(underProfile("profile"))
				s.asking(demand)
				s.answer(each.answer)
				options := engine.Options{Policy: policy, Store: s.store, Ledger: s.ledger.Process(50), AuthorizationServer: s.issuer}
				options.Policy.Profile = "profile"
				seen := engine.Peek(t.Context(), options).Snapshot.Assess(time.Now())
				require.Equal(t, s.Snapshot().Assess(time.Now()), seen, "status says what the process says")
				options.Policy.Profile = "changed"
				require.Equal(t, machine.ActionNone, engine.Peek(t.Context(), options).Snapshot.Assess(time.Now()).Action, "the next use asks")
			})
		})
	}
}

// againstAnother is what an issuer has against the client of a profile, which may be that of
// a gateway.
func againstAnother() persist.Entry {
	return persist.Entry{
		Kind: persist.Deferred, Objection: evidence.BlockMisconfigured, Reason: history.ReasonUnexplained,
		Profile: "another", Failures: 1, NotBefore: time.Now().Add(10 * time.Minute),
	}
}

func TestATakenBackPostLeavesWhatIsKnownOfAnotherProfile(t *testing.T) {
	inBubble(t, aged, func(t *testing.T, s *site) {
		s.note(againstAnother())
		before, began := s.lineage().Deferral, time.Now()
		s.restart(func(o *engine.Options) {
			o.Policy.Profile = "profile"
			o.Uptime = func() time.Duration { return time.Since(began) }
			o.Before = func(step string) {
				if step == engine.StepPost {
					time.Sleep(time.Minute)
				}
			}
		})
		s.asking(demand)
		time.Sleep(time.Minute)
		synctest.Wait()
		require.Zero(t, s.posts())
		require.Equal(t, before, s.lineage().Deferral)
	})
}

func TestAnotherProfilesWaitHindersNoRefreshElsewhere(t *testing.T) {
	inBubble(t, aged, func(t *testing.T, s *site) {
		s.restart(func(o *engine.Options) {
			o.Policy.Profile = "profile"
			o.Elsewhere = func(context.Context, machine.Snapshot) error {
				time.Sleep(time.Second)
				s.note(againstAnother())
				return nil
			}
		})
		s.asking(demand)
		time.Sleep(time.Minute)
		synctest.Wait()
		require.Equal(t, evidence.BlockRefreshElsewhere, s.Snapshot().Blocked())
	})
}

package engine_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/endpoint"
	"github.com/bezoar-auth/bezoar/machine/engine"
	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/machine/secret"
)

// keeping keeps the engine's login until the test ends.
func (s *site) keeping() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	over := make(chan struct{})
	go func() {
		defer close(over)
		s.Keep(ctx)
	}()
	synctest.Wait()
	return func() {
		cancel()
		<-over
	}
}

// passing lets time go by.
func passing(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func TestKeepRefreshesWhatIsDueAndNothingBefore(t *testing.T) {
	inBubble(t, good, func(t *testing.T, s *site) {
		defer s.keeping()()
		passing(55*time.Minute - time.Second)
		require.Zero(t, s.posts())
		passing(5 * time.Second)
		require.Equal(t, 1, s.posts())
		next := login("next", time.Hour)
		s.answer(granted(next))
		require.Equal(t, next.AccessToken.Fingerprint(), s.Snapshot().Access())
		passing(54 * time.Minute)
		require.Equal(t, 1, s.posts())
		passing(2 * time.Minute)
		require.Equal(t, 2, s.posts(), "the next one too")
	})
}

func TestNothingIsRefreshedWithoutKeep(t *testing.T) {
	inBubble(t, good, func(t *testing.T, s *site) {
		passing(48 * time.Hour)
		require.Zero(t, s.posts())
		require.LessOrEqual(t, s.store.stamps.Load(), int32(2), "no timer runs")
	})
}

func TestKeepRefreshesAShortLivedTokenInTime(t *testing.T) {
	inBubble(t, aged, func(t *testing.T, s *site) {
		defer s.keeping()()
		for range 20 {
			s.answer(granted(login("short", 10*time.Second)))
			before, held := s.posts(), s.Snapshot()
			passing(7 * time.Second)
			require.Equal(t, before, s.posts())
			for s.posts() == before && time.Now().Before(held.Expiry()) {
				passing(100 * time.Millisecond)
			}
			require.Equal(t, before+1, s.posts())
			require.True(t, time.Now().Before(held.Expiry()))
		}
		s.answer(refused(history.ReasonReused))
	})
}

func TestKeepTriesAgainAfterTheWaitAndNotBefore(t *testing.T) {
	inBubble(t, aged, func(t *testing.T, s *site) {
		defer s.keeping()()
		s.answer(endpoint.Unavailable{RetryAfter: time.Minute})
		passing(59 * time.Second)
		require.Equal(t, 1, s.posts())
		passing(4 * time.Second)
		require.Equal(t, 2, s.posts())
		s.answer(granted(login("next", time.Hour)))
	})
}

// A full disk sets no wait worth the name.
func TestKeepTriesAFullDiskLessAndLessOften(t *testing.T) {
	inBubble(t, aged, func(t *testing.T, s *site) {
		var tries atomic.Int32
		s.before("reserve", func() { tries.Add(1) })
		s.store.noRoom.Store(true)
		stop := s.keeping()
		defer stop()
		passing(10 * time.Minute)
		require.Zero(t, s.posts())
		require.LessOrEqual(t, tries.Load(), int32(16))
		require.GreaterOrEqual(t, tries.Load(), int32(10))
		s.store.noRoom.Store(false)
		passing(80 * time.Second)
		require.Equal(t, 1, s.posts())
		s.answer(granted(login("next", time.Hour)))
	})
}

func TestKeepPostsNothingForWhatCannotBeRefreshed(t *testing.T) {
	for name, of := range map[string]func(s *site){
		"no login": func(s *site) { require.NoError(s.t, s.logout()) },
		"a key":    func(s *site) { s.write(machine.Credential{Method: machine.MethodAPIKey, APIKey: secret.New("key")}) },
		"external": func(s *site) { require.NoError(s.t, s.Login(s.t.Context(), external("given"))) },
		"published": func(s *site) {
			c := login("next", time.Hour)
			c.RefreshToken = secret.New("")
			s.write(c)
			s.restart(func(*engine.Options) {})
		},
		"dead": func(s *site) {
			s.asking(demand)
			s.answer(refused(history.ReasonReused))
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, good, func(t *testing.T, s *site) {
				of(s)
				before := s.posts()
				defer s.keeping()()
				passing(3 * time.Hour)
				require.Equal(t, before, s.posts())
			})
		})
	}
}

func TestKeepLearnsOfALoginAndALogoutElsewhere(t *testing.T) {
	inBubble(t, good, func(t *testing.T, s *site) {
		defer s.keeping()()
		var heard atomic.Int32
		defer s.Subscribe(func(_, _ machine.Snapshot) { heard.Add(1) })()
		newer := login("newer", time.Hour)
		s.write(newer)
		passing(3 * time.Second)
		require.Equal(t, newer.AccessToken.Fingerprint(), s.Snapshot().Access())
		require.Equal(t, int32(1), heard.Load())

		other := s.start()
		defer other.Close(ended())
		require.NoError(t, other.LogoutLocally(t.Context()))
		passing(3 * time.Second)
		require.Equal(t, machine.NoAuth, s.Snapshot().Phase())
		require.Equal(t, int32(2), heard.Load())

		s.write(login("again", 4*time.Minute))
		passing(3 * time.Second)
		require.Equal(t, 1, s.posts(), "a login that is due is refreshed at once")
		s.answer(granted(login("fresh", time.Hour)))
	})
}

func TestKeepOfManyProcessesPostsOnce(t *testing.T) {
	inBubble(t, good, func(t *testing.T, s *site) {
		defer s.keeping()()
		for i := range 4 {
			other := &site{t: t, Engine: s.startWith(func(o *engine.Options) {
				o.Random = func() float64 { return float64(i) / 4 }
			})}
			defer other.Close(ended())
			defer other.keeping()()
		}
		passing(55*time.Minute + 10*time.Second)
		s.answer(granted(login("next", time.Hour)))
		passing(30 * time.Second)
		require.Equal(t, 1, s.posts())
	})
}

// A machine that sleeps stops its timers and not its clock.
func TestKeepNoticesThatTheMachineSlept(t *testing.T) {
	inBubble(t, good, func(t *testing.T, s *site) {
		var slept atomic.Int64
		s.restart(func(o *engine.Options) {
			o.Now = func() time.Time { return time.Now().Add(time.Duration(slept.Load())) }
		})
		defer s.keeping()()
		slept.Store(int64(56 * time.Minute))
		passing(2 * time.Second)
		require.Equal(t, 1, s.posts())
		s.answer(granted(login("next", 3*time.Hour)))
	})
}

func TestKeepSavesWhatTheStoreCouldNotTake(t *testing.T) {
	inBubble(t, aged, func(t *testing.T, s *site) {
		defer s.keeping()()
		s.store.isFull.Store(true)
		s.answer(granted(login("next", time.Hour)))
		require.True(t, s.Snapshot().Unsaved())
		s.store.isFull.Store(false)
		passing(5 * time.Second)
		require.False(t, s.Snapshot().Unsaved())
	})
}

func TestKeepBeginsNothingAtTheEnd(t *testing.T) {
	inBubble(t, good, func(t *testing.T, s *site) {
		defer s.keeping()()
		s.Drain(t.Context())
		passing(time.Hour)
		require.Zero(t, s.posts())
		require.Equal(t, machine.Fresh, s.Snapshot().Phase(), "no refresh was ordered")
	})
}

func TestKeepEndsWithTheEngine(t *testing.T) {
	inBubble(t, good, func(t *testing.T, s *site) {
		stop := s.keeping()
		s.Engine.Close(ended())
		stop()
		_, err := s.Look(t.Context())
		require.ErrorIs(t, err, engine.ErrClosed)
	})
}

func TestLookNoticesAnotherLoginWhileOursIsGood(t *testing.T) {
	inBubble(t, good, func(t *testing.T, s *site) {
		newer := login("newer", time.Hour)
		s.write(newer)
		s.asking(poll).gives(login("first", time.Hour).AccessToken, "an ask does not look")
		seen, err := s.Look(t.Context())
		require.NoError(t, err)
		require.Equal(t, newer.AccessToken.Fingerprint(), seen.Access())
		loads := s.store.loads.Load()
		_, err = s.Look(t.Context())
		require.NoError(t, err)
		require.Equal(t, loads, s.store.loads.Load(), "the mark tells that nothing has changed")
	})
}

func TestLookLeavesARefreshInFlightAlone(t *testing.T) {
	inBubble(t, good, func(t *testing.T, s *site) {
		waiting := s.asking(demand)
		next := login("next", time.Hour)
		s.write(next) // as the refresh does just before it reports
		seen, err := s.Look(t.Context())
		require.NoError(t, err)
		require.NotZero(t, seen.Attempt())
		require.Empty(t, s.entries(persist.Adopted))
		s.answer(granted(next))
		waiting.gives(next.AccessToken)
	})
}

// An old logout in the ledger is none of the client's own tokens.
func TestLookLeavesExternalTokensAlone(t *testing.T) {
	inBubble(t, good, func(t *testing.T, s *site) {
		require.NoError(t, s.LogoutLocally(t.Context()))
		given := external("given")
		require.NoError(t, s.Login(t.Context(), given))
		seen, err := s.Look(t.Context())
		require.NoError(t, err)
		require.Equal(t, given.AccessToken.Fingerprint(), seen.Access())
	})
}

// Two callers that serve two programs report one token after the other.
func TestRejectedPastFloorIsBelievedOnceInARow(t *testing.T) {
	inBubble(t, aged, func(t *testing.T, s *site) {
		s.asking(poll)
		s.answer(granted(login("second", time.Hour)))
		second := s.Snapshot().Access()
		reporting := func(access secret.Fingerprint) <-chan machine.Snapshot {
			answered := make(chan machine.Snapshot, 1)
			go func() {
				after, err := s.RejectedPastFloor(context.Background(), access)
				if err == nil {
					answered <- after
				}
			}()
			synctest.Wait()
			return answered
		}
		one, two := reporting(second), reporting(second)
		require.Equal(t, 2, s.posts(), "within the floor, and shared")
		s.answer(granted(login("third", time.Hour)))
		third := (<-one).Access()
		require.Equal(t, third, (<-two).Access())

		require.Equal(t, third, (<-reporting(third)).Access(), "it came of such a report")
		require.Equal(t, 2, s.posts())
		passing(policy.RefreshFloor)
		late := reporting(third)
		require.Equal(t, 3, s.posts(), "the floor is over")
		s.answer(granted(login("fourth", time.Hour)))
		<-late
	})
}

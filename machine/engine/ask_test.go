package engine_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/engine"
	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/machine/secret"
)

func TestDemandAloneWaitsForItsRefresh(t *testing.T) {
	inBubble(t, good, func(t *testing.T, s *site) {
		old, next := s.stored(), login("next", time.Hour)
		demanding := s.asking(demand)
		require.False(t, demanding.isAnswered())
		s.asking(poll).gives(old.AccessToken, "the token at hand is good")
		require.True(t, s.asking(glance).isAnswered())
		s.answer(granted(next))
		demanding.gives(next.AccessToken)
		require.Equal(t, next.RefreshToken.Fingerprint(), s.stored().RefreshToken.Fingerprint(), "it is saved")
	})
}

func TestAnAgedTokenIsServedWhileItIsRefreshed(t *testing.T) {
	inBubble(t, aged, func(t *testing.T, s *site) {
		s.asking(poll).gives(s.stored().AccessToken)
		require.Equal(t, 1, s.posts())
		next := login("next", time.Hour)
		s.answer(granted(next))
		s.asking(poll).gives(next.AccessToken)
		require.Equal(t, 1, s.posts())
	})
}

func TestPollForAnExpiredTokenWaitsForAnother(t *testing.T) {
	inBubble(t, expired, func(t *testing.T, s *site) {
		polling := s.asking(poll)
		require.False(t, polling.isAnswered())
		require.True(t, s.asking(glance).isAnswered(), "who wants no token never waits for one")
		next := login("next", time.Hour)
		s.answer(granted(next))
		polling.gives(next.AccessToken)
	})
}

func TestCallersThatWaitShareOnePost(t *testing.T) {
	inBubble(t, good, func(t *testing.T, s *site) {
		var waiting []*pending
		for range 200 {
			waiting = append(waiting, s.asking(demand))
		}
		next := login("next", time.Hour)
		s.answer(granted(next))
		for _, each := range waiting {
			each.gives(next.AccessToken)
		}
		require.Equal(t, 1, s.posts())
	})
}

func TestACallerThatGivesUpDoesNotStopTheRefresh(t *testing.T) {
	inBubble(t, good, func(t *testing.T, s *site) {
		ctx, cancel := context.WithCancel(t.Context())
		left := make(chan error)
		go func() {
			_, err := s.Status(ctx, demand)
			left <- err
		}()
		synctest.Wait()
		cancel()
		require.ErrorIs(t, <-left, context.Canceled)
		next := login("next", time.Hour)
		s.answer(granted(next))
		s.asking(poll).gives(next.AccessToken)
		require.Equal(t, 1, s.posts())
	})
}

// What a hanging store costs a caller does not add up: not for one who waits no
// longer than that, and not at the end.
func TestCallerWaitsNoLongerThanItsContext(t *testing.T) {
	inBubble(t, noLogin, func(t *testing.T, s *site) {
		s.store.hangs.Store(true)
		var callers sync.WaitGroup
		for range 10 {
			callers.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
				defer cancel()
				begun := time.Now()
				_, err := s.Status(ctx, poll)
				assert.ErrorIs(t, err, context.DeadlineExceeded)
				assert.ErrorIs(t, s.Login(ctx, otherAccount("other")), context.DeadlineExceeded)
				assert.Equal(t, 100*time.Millisecond, time.Since(begun))
			})
		}
		callers.Wait()
		for range 10 {
			go s.Status(t.Context(), poll)
		}
		synctest.Wait()
		begun := time.Now()
		s.Close(ended())
		require.LessOrEqual(t, time.Since(begun), 4*time.Second)
		_, err := s.store.Store.Load(t.Context())
		require.ErrorIs(t, err, persist.ErrNotFound, "who was not taken up changes nothing")
	})
}

func TestDemandWithinTheFloorIsTheLastSuccess(t *testing.T) {
	inBubble(t, good, func(t *testing.T, s *site) {
		s.asking(demand)
		next := login("next", time.Hour)
		s.answer(granted(next))
		time.Sleep(5*time.Second - time.Nanosecond)
		s.asking(demand).gives(next.AccessToken)
		require.Equal(t, 1, s.posts())
		time.Sleep(time.Nanosecond)
		require.False(t, s.asking(demand).isAnswered())
		require.Equal(t, 2, s.posts())
	})
}

func TestTheFloorCountsFromASisterProcessesSuccessToo(t *testing.T) {
	inBubble(t, good, func(t *testing.T, s *site) {
		sister := s.start()
		defer sister.Close(ended())
		s.asking(demand)
		next := login("next", time.Hour)
		s.answer(granted(next))
		for range 2 { // adopts it, and then has it
			state, err := sister.Status(t.Context(), demand)
			require.NoError(t, err)
			require.Equal(t, next.AccessToken.Fingerprint(), state.Token().Fingerprint())
		}
		require.Equal(t, 1, s.posts())
	})
}

func TestARejectedTokenIsReplacedOnceAndForAll(t *testing.T) {
	inBubble(t, good, func(t *testing.T, s *site) {
		old, next := s.stored(), login("next", time.Hour)
		replaced := make(chan machine.Snapshot, 1)
		go func() {
			state, _ := s.Rejected(t.Context(), old.AccessToken.Fingerprint())
			replaced <- state
		}()
		synctest.Wait()
		var polls []*pending
		for range 20 {
			polls = append(polls, s.asking(poll))
		}
		require.False(t, polls[0].isAnswered(), "the token at hand is refused")
		s.asking(glance).gives(secret.Token{}, "who wants no token waits for none")
		s.answer(granted(next))
		for _, each := range polls {
			each.gives(next.AccessToken)
		}
		require.Equal(t, next.AccessToken.Fingerprint(), (<-replaced).Token().Fingerprint())
		state, err := s.Rejected(t.Context(), old.AccessToken.Fingerprint())
		require.NoError(t, err)
		require.Equal(t, next.AccessToken.Fingerprint(), state.Token().Fingerprint(), "that was the old one")
		require.Equal(t, 1, s.posts())
	})
}

func TestWhileTheTokenIsGoodNoFileIsLookedAt(t *testing.T) {
	inBubble(t, good, func(t *testing.T, s *site) {
		stamps, loads := s.store.stamps.Load(), s.store.loads.Load()
		for range 100 {
			s.asking(poll).gives(s.Snapshot().Token())
			s.asking(glance)
		}
		require.Equal(t, stamps, s.store.stamps.Load())
		require.Equal(t, loads, s.store.loads.Load())
	})
}

func TestSubscribersHearOfEveryChange(t *testing.T) {
	inBubble(t, good, func(t *testing.T, s *site) {
		var heard []machine.Phase
		s.Subscribe(func(_, to machine.Snapshot) { heard = append(heard, to.Phase()) })
		s.asking(demand)
		s.answer(refused(history.ReasonReused))
		require.NoError(t, s.Login(t.Context(), login("again", time.Hour)))
		require.NoError(t, s.logout())
		synctest.Wait()
		require.Equal(t, []machine.Phase{machine.Stale, machine.Poisoned, machine.Fresh, machine.NoAuth}, heard)
	})
}

func TestUnreadableStoreNeedsAnOperatorAndNoLogin(t *testing.T) {
	inBubble(t, noLogin, func(t *testing.T, s *site) {
		var told []machine.Assessment
		s.Subscribe(func(_, to machine.Snapshot) { told = append(told, to.Assess(time.Now())) })
		s.store.hangs.Store(true)
		for range 3 {
			_, err := s.Status(t.Context(), glance)
			require.NoError(t, err)
		}
		s.store.hangs.Store(false)
		s.asking(glance)
		require.Equal(t, []machine.Assessment{
			{Phase: machine.NoAuth, Reason: "store_unavailable", Action: machine.ActionOperator},
			{Phase: machine.NoAuth, Action: machine.ActionLogin},
		}, told)
	})
}

func TestAClosedEngineStillAnswers(t *testing.T) {
	inBubble(t, good, func(t *testing.T, s *site) {
		s.Close(t.Context())
		require.True(t, s.asking(demand).isAnswered())
		require.ErrorIs(t, s.Login(t.Context(), login("late", time.Hour)), engine.ErrClosed)
		require.ErrorIs(t, s.logout(), engine.ErrClosed)
		require.ErrorIs(t, s.Reload(t.Context()), engine.ErrClosed)
		require.Zero(t, s.posts())
	})
}

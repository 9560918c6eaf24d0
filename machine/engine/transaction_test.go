package engine_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/engine"
	"github.com/bezoar-auth/bezoar/machine/evidence"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/machine/secret"
)

// A program that reformats the file again and again has to stop some time.
func TestAConflictWithTheSameLoginIsTriedThreeTimes(t *testing.T) {
	for name, each := range map[string]struct {
		err   error
		swaps int32
	}{
		"a conflict":  {persist.ErrConflict, 3},
		"a full disk": {&persist.NotDurableError{Err: errFull}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, good, func(t *testing.T, s *site) {
				s.store.swapping = func() error {
					require.LessOrEqual(t, s.store.swaps.Load(), int32(10), "it goes on for ever")
					return each.err
				}
				demanding, next := s.asking(demand), login("next", time.Hour)
				s.answer(granted(next))
				demanding.gives(next.AccessToken)
				require.Equal(t, each.swaps, s.store.swaps.Load())
				require.True(t, s.Snapshot().Unsaved())
				s.store.swapping = nil
			})
		})
	}
}

func TestALockThatCannotBeHadIsNamedAfterItsReason(t *testing.T) {
	inBubble(t, good, func(t *testing.T, s *site) {
		s.store.locking = func() error { return errFull }
		s.asking(demand)
		require.Equal(t, evidence.BlockStoreNotDurable, s.Snapshot().Blocked())
		s.store.locking = nil
		unlock, err := s.store.Lock(t.Context())
		require.NoError(t, err)
		time.Sleep(time.Second)
		s.asking(demand)
		time.Sleep(35 * time.Second)
		synctest.Wait()
		require.Equal(t, evidence.BlockRefreshElsewhere, s.Snapshot().Blocked())
		unlock()
		require.Zero(t, s.posts())
	})
}

func TestWhatChangesWhileRoomIsMadeIsLookedAtFirst(t *testing.T) {
	inBubble(t, good, func(t *testing.T, s *site) {
		newer := login("newer", time.Hour)
		s.before("reserve", func() { s.write(newer) })
		s.asking(demand)
		require.Zero(t, s.posts())
		require.Equal(t, evidence.BlockRefreshElsewhere, s.Snapshot().Blocked())
		time.Sleep(time.Second)
		s.asking(demand).gives(newer.AccessToken)
		require.Zero(t, s.posts())
	})
}

// An outcome names the successor unless a logout has removed it: sister processes
// would take that for a new login.
func TestASuccessorThatALogoutRemovedIsNotNamed(t *testing.T) {
	next := func() machine.Credential { return login("next", time.Hour) }
	for name, each := range map[string]struct {
		meanwhile func(s *site)
		isNamed   bool
	}{
		"nothing happens":         {func(*site) {}, true},
		"a logout has only begun": {func(s *site) { s.note(persist.Entry{Kind: persist.Logout}) }, true},
		"a logout": {func(s *site) {
			s.note(persist.Entry{Kind: persist.Logout})
			require.NoError(s.t, s.store.Store.Delete(context.Background()))
		}, false},
		"a logout, and another login": {func(s *site) {
			s.note(persist.Entry{Kind: persist.Logout})
			s.write(otherAccount("another"))
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, good, func(t *testing.T, s *site) {
				s.before("record", func() { each.meanwhile(s) })
				s.asking(demand)
				s.answer(granted(next()))
				rotated := s.entries(persist.Rotated)
				require.Len(t, rotated, 1)
				require.Equal(t, each.isNamed, rotated[0].NextID != "")
			})
		})
	}
}

// hurriedLedger knows how long it was given to write down an outcome.
type hurriedLedger struct {
	persist.Ledger
	given time.Duration
}

func (l *hurriedLedger) Conclude(ctx context.Context, key secret.Fingerprint, outcome persist.Entry) error {
	if deadline, ok := ctx.Deadline(); ok {
		l.given = time.Until(deadline)
	}
	return l.Ledger.Conclude(ctx, key, outcome)
}

func TestAnOutcomeHasThirtySecondsToBeWrittenDown(t *testing.T) {
	inBubble(t, good, func(t *testing.T, s *site) {
		ledger := &hurriedLedger{}
		s.restart(func(o *engine.Options) {
			ledger.Ledger = o.Ledger
			o.Ledger = ledger
		})
		s.asking(demand)
		s.answer(granted(login("next", time.Hour)))
		require.Equal(t, 30*time.Second, ledger.given)
	})
}

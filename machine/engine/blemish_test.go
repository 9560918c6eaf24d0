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

// What goes wrong at home, at a moment that only a test can choose.

// before does something at one step of the refreshes from now on.
func (s *site) before(step string, do func()) {
	s.restart(func(o *engine.Options) {
		o.Before = func(at string) {
			if at == step {
				do()
			}
		}
	})
}

func (s *site) entries(kind persist.Kind) (found []persist.Entry) {
	for _, entry := range s.ledger.Entries() {
		if entry.Kind == kind {
			found = append(found, entry)
		}
	}
	return found
}

// note is what another process tells the ledger.
func (s *site) note(entry persist.Entry) {
	require.NoError(s.t, s.ledger.Process(99).Append(context.Background(), entry))
}

func TestLogIsEmptyWhenAllIsWell(t *testing.T) {
	inBubble(t, good, func(t *testing.T, s *site) {
		_, said := s.lines(func() {
			demanding, next := s.asking(demand), login("next", time.Hour)
			s.answer(granted(next))
			demanding.gives(next.AccessToken)
			require.NoError(t, s.Login(t.Context(), otherAccount("another")))
			require.NoError(t, s.logout())
			synctest.Wait()
		})
		for _, each := range said {
			require.Equal(t, "INFO", each.Level, each.Msg)
		}
		require.Len(t, s.entries(persist.Revoked), 1)
	})
}

func TestTheEndOfALoginIsWaitedForAtTheEnd(t *testing.T) {
	inBubble(t, good, func(t *testing.T, s *site) {
		s.issuer.hangs.Store(true)
		begun := time.Now()
		require.NoError(t, s.logout())
		s.Engine.Close(t.Context())
		require.Equal(t, 10*time.Second, time.Since(begun))
	})
}

func TestLoginOfAnotherProgramIsNotedOnce(t *testing.T) {
	inBubble(t, good, func(t *testing.T, s *site) {
		reload := func() []persist.Entry {
			require.NoError(t, s.Reload(t.Context()))
			return s.entries(persist.Adopted)
		}
		require.Empty(t, reload(), "what is there at the start is no news")
		another := login("another", time.Hour)
		s.write(another)
		adopted := reload()
		require.Len(t, adopted, 1)
		require.Equal(t, policy.TokenID(another), adopted[0].TokenID)
		require.Equal(t, adopted, reload())

		s.note(persist.Entry{Kind: persist.Logout})
		s.restart(func(*engine.Options) {})
		require.Len(t, s.entries(persist.Adopted), 2, "there is a login again, though the ledger says otherwise")
	})
}

func TestALoginThatIsGoneAgainIsNotNoted(t *testing.T) {
	inBubble(t, good, func(t *testing.T, s *site) {
		another := login("another", time.Hour)
		s.write(another)
		loads := s.store.loads.Load()
		s.store.loading = func() {
			if s.store.loads.Load() == loads+2 { // after the look, before the entry
				s.write(login("third", time.Hour))
			}
		}
		require.NoError(t, s.Reload(t.Context()))
		require.Equal(t, another.Fingerprint(), s.Snapshot().Access(), "it was taken")
		require.Empty(t, s.entries(persist.Adopted))
	})
}

// A program that reformats the file again and again must stop some time.
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

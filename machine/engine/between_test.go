package engine_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/engine"
	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/machine/secret"
)

// What another process does, or sees, between two calls to the store and the
// ledger. Each of these orders is a promise: turned round, the test fails.

// A sister that finds the login gone must know by then that this was on purpose,
// or she goes on with it.
func TestALogoutIsWrittenDownBeforeTheLoginIsGone(t *testing.T) {
	inBubble(t, good, func(t *testing.T, s *site) {
		sister := s.start()
		defer sister.Close(ended())
		var seen machine.Phase
		s.store.deleted = func() {
			require.NoError(t, sister.Reload(t.Context()))
			seen = sister.Snapshot().Phase()
		}
		require.NoError(t, s.logout())
		require.Equal(t, machine.NoAuth, seen)
	})
}

// A login that comes between the read and the end of a look is newer than what
// was read. The mark of the look must be that of before, or the next ask takes
// the new login for the one that was read.
func TestLoginDuringALookIsNoticedByTheNextAsk(t *testing.T) {
	for name, prepare := range map[string]func(s *site){
		"signed out": func(s *site) { require.NoError(s.t, s.logout()) },
		"poisoned": func(s *site) {
			s.asking(demand)
			s.answer(refused(history.ReasonReused))
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, good, func(t *testing.T, s *site) {
				prepare(s)
				another := otherAccount("another")
				s.store.loaded = func() {
					s.store.loaded = nil
					s.write(another)
				}
				require.NoError(t, s.Reload(t.Context()))
				require.True(t, s.Snapshot().Token().IsAbsent(), "it came after the read")
				s.asking(poll).gives(another.AccessToken)
			})
		})
	}
}

// What is behind Drain closes the way out of the answers.
func TestDrainReturnsWhenAllCallersAreAnswered(t *testing.T) {
	inBubble(t, good, func(t *testing.T, s *site) {
		isAnswered := false
		s.Ask(demand, func(machine.Snapshot) {
			time.Sleep(time.Millisecond) // an answer takes its time
			isAnswered = true
		})
		synctest.Wait()
		s.Drain(ended())
		require.True(t, isAnswered)
	})
}

// tardy is a ledger of a process that stands still before it writes an entry.
type tardy struct {
	persist.Ledger
	meanwhile func(persist.Kind)
}

func (l tardy) Append(ctx context.Context, e persist.Entry) error {
	l.meanwhile(e.Kind)
	return l.Ledger.Append(ctx, e)
}

func (l tardy) Conclude(ctx context.Context, key secret.Fingerprint, e persist.Entry) error {
	l.meanwhile(e.Kind)
	return l.Ledger.Conclude(ctx, key, e)
}

// The last entry decides whether the user is logged in, so one that is late may not
// undo a logout.
func TestALogoutBeforeALateEntryCounts(t *testing.T) {
	next := login("next", time.Hour)
	for kind, do := range map[persist.Kind]func(s *site, e *engine.Engine){
		persist.Login: func(s *site, e *engine.Engine) { require.NoError(s.t, e.Login(s.t.Context(), next)) },
		persist.Adopted: func(s *site, e *engine.Engine) {
			s.write(next)
			require.NoError(s.t, e.Reload(s.t.Context()))
		},
		persist.Rotated: func(s *site, e *engine.Engine) {
			go e.Status(s.t.Context(), demand)
			synctest.Wait()
			s.answer(granted(next))
			synctest.Wait()
		},
	} {
		t.Run(string(kind), func(t *testing.T) {
			inBubble(t, good, func(t *testing.T, s *site) {
				s.t = t
				sister := s.start()
				defer sister.Close(ended())
				isOut := false
				e := s.startWith(func(o *engine.Options) {
					o.Ledger = tardy{o.Ledger, func(late persist.Kind) {
						if late == kind && !isOut {
							isOut = true
							require.NoError(t, sister.Reload(t.Context()))
							_, err := sister.Logout(t.Context())
							require.NoError(t, err)
						}
					}}
				})
				defer e.Close(ended())
				do(s, e)
				require.True(t, isOut)
				for _, each := range []*engine.Engine{e, sister, s.start()} {
					require.NoError(t, each.Reload(t.Context()))
					require.Equal(t, machine.NoAuth, each.Snapshot().Phase())
					each.Close(ended())
				}
			})
		})
	}
}

func TestAdoptedLoginIsNotedOnce(t *testing.T) {
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
		require.Len(t, s.entries(persist.Adopted), 2, "the user is logged in again, though the ledger says otherwise")
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

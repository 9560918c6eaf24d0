package engine_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine"
)

// What another process does, or sees, between two calls to the store and the
// ledger. Each of these orders is a promise: turned round, the test fails.

// A sister that finds the login gone must know by then that this was on purpose,
// or she goes on with it.
func TestALogoutIsWrittenDownBeforeTheLoginIsGone(t *testing.T) {
	inBubble(t, good, func(t *testing.T, s *site) {
		sister := s.start()
		defer sister.Close(ended())
		var seen machine.Label
		s.store.deleted = func() {
			require.NoError(t, sister.Reload(t.Context()))
			seen = sister.Snapshot().Label
		}
		require.NoError(t, s.logout())
		require.Equal(t, machine.NoAuth, seen)
	})
}

// A login that comes between the read and the end of a look is newer than what
// was read. The mark of the look must be that of before, or the next ask takes
// the new login for the one that was read.
func TestALoginThatComesDuringALookIsNoticedByTheNextAsk(t *testing.T) {
	for name, prepare := range map[string]func(s *site){
		"signed out": func(s *site) { require.NoError(s.t, s.logout()) },
		"poisoned": func(s *site) {
			s.asking(demand)
			s.answer(refused(machine.ReasonReused))
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
func TestWhoWaitsIsAnsweredByTheTimeADrainReturns(t *testing.T) {
	inBubble(t, good, func(t *testing.T, s *site) {
		isAnswered := false
		s.Ask(demand, func(*machine.State) {
			time.Sleep(time.Millisecond) // an answer takes its time
			isAnswered = true
		})
		synctest.Wait()
		s.Drain(ended())
		require.True(t, isAnswered)
	})
}

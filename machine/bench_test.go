package machine_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/history"
)

// BenchmarkStep is one event: an ask that changes nothing, one that has the engine
// look for another login, and the two events of a refresh that is demanded and
// granted.
func BenchmarkStep(b *testing.B) {
	fresh := stepped(b, machine.New(policy), machine.LoggedIn{At: at(0), Credential: expiring("first", time.Hour)})
	next := expiring("next", time.Hour)
	demanded := machine.Asked{At: at(0), Ask: machine.Ask{Refresh: true, Token: true}}
	stale := stepped(b, fresh, demanded)
	granted := machine.RefreshSucceeded{At: at(0), Attempt: stale.Attempt, Credential: next}
	refused := machine.RefreshFailedPermanent{At: at(0), Attempt: stale.Attempt, Verdict: verdict(fresh.Credential, history.ReasonReused)}
	poisoned := stepped(b, stale, refused)
	asked := machine.Asked{At: at(0), Ask: machine.Ask{Token: true}}
	b.Run("nothing to do", func(b *testing.B) { benchmarkStep(b, fresh, asked) })
	b.Run("look", func(b *testing.B) { benchmarkStep(b, poisoned, asked) })
	b.Run("demand", func(b *testing.B) { benchmarkStep(b, fresh, demanded) })
	b.Run("grant", func(b *testing.B) { benchmarkStep(b, stale, granted) })
}

// BenchmarkStepAfter is a grant after so many others: what is known of spent
// tokens is copied, up to a limit.
func BenchmarkStepAfter(b *testing.B) {
	for _, refreshes := range []int{1, 10, 100, 1000} {
		b.Run(fmt.Sprint(refreshes), func(b *testing.B) {
			state := stepped(b, machine.New(policy), machine.LoggedIn{At: at(0), Credential: expiring("first", time.Hour)})
			demanded := machine.Asked{At: at(time.Minute), Ask: machine.Ask{Refresh: true}}
			granted := func(n int) machine.Event {
				return machine.RefreshSucceeded{At: at(0), Attempt: state.Attempt, Credential: expiring(fmt.Sprint(n), time.Hour)}
			}
			for n := range refreshes {
				state = stepped(b, state, demanded)
				state = stepped(b, state, granted(n))
			}
			state = stepped(b, state, demanded)
			benchmarkStep(b, state, granted(refreshes))
		})
	}
}

func stepped(b *testing.B, state machine.State, event machine.Event) machine.State {
	next, _, err := machine.Step(state, event)
	require.NoError(b, err)
	return next
}

func benchmarkStep(b *testing.B, state machine.State, event machine.Event) {
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := machine.Step(state, event); err != nil {
			b.Fatal(err)
		}
	}
}

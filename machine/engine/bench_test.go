package engine_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/endpoint"
	"github.com/bezoar-auth/bezoar/machine/engine"
	"github.com/bezoar-auth/bezoar/machine/engine/enginetest"
	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/store/memory"
)

// BenchmarkAsk is the snapshot alone, an ask that it answers, and one that it
// cannot: while poisoned each ask goes to the owner, who looks for another login.
func BenchmarkAsk(b *testing.B) {
	e := started(b)
	b.Run("snapshot", func(b *testing.B) { benchmark(b, func() { e.Snapshot() }) })
	answer := func(machine.Snapshot) {}
	b.Run("fresh", func(b *testing.B) { benchmark(b, func() { e.Ask(poll, answer) }) })
	b.Run("fresh, in parallel", func(b *testing.B) {
		b.RunParallel(func(each *testing.PB) {
			for each.Next() {
				e.Ask(poll, answer)
			}
		})
	})
	status := func(ask machine.Ask) {
		_, err := e.Status(b.Context(), ask)
		require.NoError(b, err)
	}
	status(demand)
	require.Equal(b, machine.Poisoned, e.Snapshot().Phase())
	b.Run("poisoned", func(b *testing.B) { benchmark(b, func() { status(poll) }) })
}

// started has a good login, which the issuer refuses to refresh.
func started(b *testing.B) *engine.Engine {
	kept, refuses := memory.NewStore(), &issuer{answers: make(chan endpoint.Answer, 1)}
	refuses.answers <- refused(history.ReasonReused)
	require.NoError(b, kept.Replace(b.Context(), login("first", 24*time.Hour)))
	e := enginetest.Start(engine.Options{Policy: policy, Store: kept, Ledger: memory.NewLedger(policy.Issuer).Process(1), AuthorizationServer: refuses})
	b.Cleanup(func() { e.Close(context.Background()) })
	<-e.Ready()
	return e
}

func benchmark(b *testing.B, do func()) {
	b.ReportAllocs()
	for b.Loop() {
		do()
	}
}

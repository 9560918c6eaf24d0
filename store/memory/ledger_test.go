package memory_test

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/store/memory"
	"github.com/bezoar-auth/bezoar/store/storetest"
)

// site is a ledger in memory and its simulated processes.
type site struct {
	ledger *memory.Ledger
	pid    int
}

func (s *site) Start() persist.Ledger {
	s.pid++
	return s.ledger.Process(s.pid)
}

func (s *site) Crash(ledger persist.Ledger) { ledger.(*memory.Process).Crash() }

func TestACrashedProcessDoesNothingMore(t *testing.T) {
	ledger := memory.NewLedger(storetest.LedgerIssuer)
	process := ledger.Process(1)
	process.Crash()
	_, err := process.History(t.Context())
	require.Error(t, err)
	_, err = process.Doubt(t.Context(), "key")
	require.Error(t, err)
	require.Error(t, process.Append(t.Context(), persist.Entry{Kind: persist.Logout}))
	require.Error(t, process.Intend(t.Context(), persist.Entry{Kind: persist.Intended, TokenID: "key"}, history.Doubt{}))
	require.Error(t, process.Conclude(t.Context(), "key", persist.Entry{Kind: persist.Rotated}))
	require.Empty(t, ledger.Entries())
}

func TestTheLedgerStaysSmallHoweverLongTheHistory(t *testing.T) {
	ledger := memory.NewLedger(storetest.LedgerIssuer)
	process, largest := ledger.Process(1), 0
	for range 100 {
		for n := range 100 {
			key := secret.Fingerprint(strconv.Itoa(n))
			require.NoError(t, process.Conclude(t.Context(), key, persist.Entry{Kind: persist.Rotated, NextID: "next"}))
		}
		largest = max(largest, len(ledger.Entries()))
	}
	require.Greater(t, largest, 1000)
	require.LessOrEqual(t, largest, 2048)
}

func TestLedgerKeepsTheContract(t *testing.T) {
	storetest.RunLedger(t, func(*testing.T) storetest.LedgerSite {
		return &site{ledger: memory.NewLedger(storetest.LedgerIssuer)}
	})
}

package file

import (
	"encoding/json"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine/endpoint"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/store/disk"
	"github.com/bezoar-auth/bezoar/store/journal"
	"github.com/bezoar-auth/bezoar/store/storetest"
)

func longLedger(b *testing.B, entries int) *Ledger {
	ledger := OpenLedger(b.TempDir(), storetest.LedgerIssuer, LedgerOptions{})
	var lines []byte
	for i := range entries {
		e := persist.Entry{
			Kind: []persist.Kind{persist.Intended, persist.Rotated}[i%2], At: time.Now(), PID: 12345, Attempt: 3, Cause: endpoint.CauseExpiring,
			TokenID: ledgerKey(i / 2), Access: ledgerKey(i), Endpoint: ledgerKey(1),
		}
		if i%2 == 1 {
			e.NextID = ledgerKey(i/2 + 1)
		}
		line, err := json.Marshal(e)
		require.NoError(b, err)
		lines = append(append(lines, line...), '\n')
	}
	require.NoError(b, os.WriteFile(ledger.journal.path, lines, 0o600))
	b.SetBytes(int64(len(lines)))
	return ledger
}

// lengths are of journals, in entries. Of one that is longer than 256 KiB, which is
// some 900, the next refresh leaves the part that is needed.
var lengths = []int{100, 1000, 10_000, 100_000}

func BenchmarkLedgerFirstRead(b *testing.B) {
	for _, entries := range lengths {
		b.Run(strconv.Itoa(entries), func(b *testing.B) {
			ledger := longLedger(b, entries)
			for b.Loop() {
				ledger.journal.Reader = journal.NewReader(disk.Here, ledger.journal.path, ledger.issuer.EndpointID())
				_, err := ledger.History(background)
				require.NoError(b, err)
			}
		})
	}
}

// BenchmarkLedgerUnchanged and BenchmarkLedgerAppend cost the same however long
// the journal is: the one is a stat, the other looks at the last byte.
func BenchmarkLedgerUnchanged(b *testing.B) {
	for _, entries := range lengths {
		b.Run(strconv.Itoa(entries), func(b *testing.B) {
			ledger := longLedger(b, entries)
			_, err := ledger.History(background)
			require.NoError(b, err)
			b.SetBytes(0)
			b.ReportAllocs()
			for b.Loop() {
				_, err := ledger.History(background)
				require.NoError(b, err)
			}
		})
	}
}

func BenchmarkLedgerAppend(b *testing.B) {
	for _, kind := range []persist.Kind{persist.Rotated, persist.Adopted} { // one is synced, the other is not
		for _, entries := range lengths {
			b.Run(string(kind)+"/"+strconv.Itoa(entries), func(b *testing.B) {
				ledger := longLedger(b, entries)
				b.SetBytes(0)
				b.ReportAllocs()
				for b.Loop() {
					require.NoError(b, ledger.Append(background, persist.Entry{Kind: kind, TokenID: "k"}))
				}
			})
		}
	}
}

func BenchmarkLedgerPost(b *testing.B) {
	ledger := longLedger(b, 1000)
	for i := 0; b.Loop(); i++ {
		key := ledgerKey(i)
		doubt, err := ledger.Doubt(background, key)
		require.NoError(b, err)
		require.NoError(b, ledger.Intend(background, persist.Entry{Kind: persist.Intended, TokenID: key + "x", At: time.Now()}, doubt))
		require.NoError(b, ledger.Conclude(background, key+"x", persist.Entry{Kind: persist.Rotated, NextID: key, At: time.Now()}))
	}
}

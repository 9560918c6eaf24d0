package file

import (
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gofrs/flock"
	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/machine/machinetest"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/store/disk"
	"github.com/bezoar-auth/bezoar/store/storetest"
)

func journalBytes(t *testing.T, ledger *Ledger) int {
	t.Helper()
	info, err := os.Stat(ledger.journal.path)
	require.NoError(t, err)
	return int(info.Size())
}

func TestTheJournalStaysSmallHoweverLongTheHistory(t *testing.T) {
	const limit = 100 << 10
	ledger := openTestLedger(t, LedgerOptions{LimitBytes: limit})
	largest, shortened, posts := 0, 0, 600
	if machinetest.Long() {
		posts = 1200
	}
	for n := range posts {
		require.NoError(t, ledger.Intend(background, persist.Entry{Kind: persist.Intended, TokenID: ledgerKey(n), At: time.Now()}, history.Doubt{}))
		before := journalBytes(t, ledger)
		require.NoError(t, ledger.Conclude(background, ledgerKey(n), persist.Entry{Kind: persist.Rotated, NextID: ledgerKey(n + 1)}))
		if journalBytes(t, ledger) < before {
			shortened++
		}
		largest = max(largest, before)
	}
	require.Less(t, largest, 2*limit)
	require.Greater(t, shortened, 1)
	require.Less(t, shortened, 20, "it grows for a while before it is compacted again")
	known, err := ledger.History(background)
	require.NoError(t, err)
	require.Len(t, known.Verdicts, 256)
	require.Empty(t, intentFiles(t, ledger))
}

func TestJournalDoublesBeforeItIsCompactedAgain(t *testing.T) {
	compactions := 0
	ledger := openTestLedger(t, LedgerOptions{LimitBytes: 1, Disk: disk.Disk{Before: func(step string) {
		if step == "compact: rename" {
			compactions++
		}
	}}})
	for n := range 200 {
		require.NoError(t, ledger.Conclude(background, ledgerKey(n), refusal(n)))
	}
	require.Less(t, compactions, 12)
}

func TestCompactionKeepsLinesOfNewerVersions(t *testing.T) {
	ledger := openTestLedger(t, LedgerOptions{Log: slog.New(slog.DiscardHandler)})
	newer := []string{
		`{"kind":"pardon","by":{"who":"operator"}}` + "\n",
		`{"kind":"refused","key":"old","reason":"refresh_token_reused","probe":[1,2,3]}` + "\n",
	}
	require.NoError(t, os.WriteFile(ledger.journal.path, []byte(newer[0]+"garbage\n"+newer[1]), 0o600))
	for range 300 {
		appendAll(t, ledger, persist.Entry{Kind: persist.Deferred})
	}
	require.NoError(t, ledger.compact())
	content, err := os.ReadFile(ledger.journal.path)
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(string(content), newer[0]+newer[1]), "to the letter and in their order")
	require.Equal(t, 258, strings.Count(string(content), "\n"))
	require.Equal(t, []secret.Fingerprint{"old"}, verdictsOf(t, ledger))
}

// Eight processes write while two compact all the time, and another looks on. On a
// disk, where compactions leave the lock free in between: an append waits a second for
// it and then goes on without.
func TestNoEntryIsLostToACompaction(t *testing.T) {
	dir := t.TempDir()
	var writers, others sync.WaitGroup
	for w := range 8 {
		writers.Go(func() {
			ledger := OpenLedger(dir, storetest.LedgerIssuer, LedgerOptions{})
			for n := range 30 {
				if err := ledger.Append(background, refusal(w*30+n)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	done := make(chan struct{})
	for range 2 {
		others.Go(func() {
			ledger := OpenLedger(dir, storetest.LedgerIssuer, LedgerOptions{LimitBytes: 1})
			for !isOver(done) {
				if err := errors.Join(ledger.Append(background, refusal(999)), ledger.compact()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	others.Go(func() {
		ledger, known := OpenLedger(dir, storetest.LedgerIssuer, LedgerOptions{}), 0
		for !isOver(done) {
			read, err := ledger.History(background)
			if err != nil || len(read.Verdicts) < known {
				t.Errorf("knew %d verdicts, now %d: %v", known, len(read.Verdicts), err)
			}
			known = len(read.Verdicts)
		}
	})
	writers.Wait()
	close(done)
	others.Wait()
	keys := verdictsOf(t, OpenLedger(dir, storetest.LedgerIssuer, LedgerOptions{}))
	require.Equal(t, 241, len(keys))
}

func isOver(done chan struct{}) bool {
	select {
	case <-done:
		return true
	default:
		return false
	}
}

func TestACompactionWaitsForItsTurn(t *testing.T) {
	ledger := openTestLedger(t, LedgerOptions{LimitBytes: 1})
	for range 300 {
		appendAll(t, ledger, persist.Entry{Kind: persist.Deferred})
	}
	writer := flock.New(ledger.journal.lock.path)
	require.NoError(t, writer.RLock())
	before := journalBytes(t, ledger)
	require.NoError(t, ledger.Conclude(background, ledgerKey(1), refusal(1)))
	require.Greater(t, journalBytes(t, ledger), before, "another process writes")
	require.NoError(t, writer.Unlock())
	require.NoError(t, ledger.Conclude(background, ledgerKey(1), refusal(1)))
	require.Less(t, journalBytes(t, ledger), before)
}

func TestStoppedCompactionDelaysNoCallerForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ledger := openTestLedger(t, LedgerOptions{})
		stopped := flock.New(ledger.journal.lock.path)
		require.NoError(t, stopped.Lock())
		begun := time.Now()
		appendAll(t, ledger, refusal(1))
		require.LessOrEqual(t, time.Since(begun), time.Second)
		require.Positive(t, time.Since(begun))
		require.NoError(t, stopped.Unlock())
		require.Len(t, verdictsOf(t, ledger), 1)
	})
}

// The lock does not keep processes away that gave up waiting for it, and none on
// a file system that cannot lock.
func TestCompactionGivesWayToWritersWithoutTheLock(t *testing.T) {
	var theirs []byte // as long as ours
	for name, c := range map[string]struct {
		write func(path string) error
		left  []secret.Fingerprint
	}{
		"an append": {func(path string) error {
			file, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
			if err == nil {
				_, err = file.Write(theirs)
			}
			return errors.Join(err, file.Close())
		}, []secret.Fingerprint{ledgerKey(1), ledgerKey(2)}},
		"a compaction": {func(path string) error {
			return errors.Join(os.WriteFile(path+".new", theirs, 0o600), os.Rename(path+".new", path))
		}, []secret.Fingerprint{ledgerKey(2)}},
	} {
		t.Run(name, func(t *testing.T) {
			var ledger *Ledger
			ledger = openTestLedger(t, LedgerOptions{Disk: disk.Disk{Before: func(step string) {
				if step == "compact: sync" {
					require.NoError(t, c.write(ledger.journal.path))
				}
			}}})
			appendAll(t, ledger, refusal(1))
			ours, err := os.ReadFile(ledger.journal.path)
			require.NoError(t, err)
			theirs = []byte(strings.Replace(string(ours), string(ledgerKey(1)), string(ledgerKey(2)), 1))
			require.Error(t, ledger.compact())
			require.Equal(t, c.left, verdictsOf(t, ledger))
		})
	}
}

func TestAFailedCompactionIsNoFailureOfTheRefresh(t *testing.T) {
	var log strings.Builder
	var ledger *Ledger
	ledger = openTestLedger(t, LedgerOptions{LimitBytes: 1, Log: slog.New(slog.NewTextHandler(&log, nil)), Disk: disk.Disk{Before: func(step string) {
		if step == "compact: rename" {
			require.NoError(t, os.Remove(ledger.journal.path))
			require.NoError(t, os.Mkdir(ledger.journal.path, 0o700))
		}
	}}})
	require.NoError(t, ledger.Conclude(background, ledgerKey(1), refusal(1)))
	require.Contains(t, log.String(), "cannot be compacted")
	files, err := os.ReadDir(ledger.journal.path + "/..")
	require.NoError(t, err)
	require.Len(t, files, 2, "no litter: the folder and the lock")
}

func TestTheEndOfALongJournalIsReadAlone(t *testing.T) {
	ledger := OpenLedger(machinetest.Dir(t), storetest.LedgerIssuer, LedgerOptions{})
	var journal []byte
	for i := range 4000 {
		line, err := json.Marshal(persist.Entry{Kind: persist.Rotated, At: time.Now(), PID: i, TokenID: ledgerKey(i), NextID: ledgerKey(i + 1)})
		require.NoError(t, err)
		journal = append(append(journal, line...), '\n')
	}
	require.NoError(t, os.WriteFile(ledger.journal.path, journal, 0o600))
	newest, err := ledger.Newest(3)
	require.NoError(t, err)
	require.Len(t, newest, 3)
	require.Equal(t, 3999, newest[2].PID)
	require.Equal(t, ledgerKey(3998), newest[1].TokenID)
	few, err := ledger.Newest(5000)
	require.NoError(t, err)
	require.Len(t, few, 4000, "there are no more")
}

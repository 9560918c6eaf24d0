package file

import (
	"bytes"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/machine/machinetest"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/store/storetest"
)

// A virus scanner, a backup or OneDrive opens any file of a home at any moment. On Windows
// no other program can replace or remove it meanwhile.
func TestNothingIsLostToAProgramThatOpensFiles(t *testing.T) {
	home, over := machinetest.Dir(t), make(chan struct{})
	loggedIn(t)(home)
	var others sync.WaitGroup
	for range 2 {
		others.Go(func() { scanUntil(over, home) })
	}
	others.Go(func() { readUntil(t, over, home) })

	log := new(bytes.Buffer)
	to := slog.New(slog.NewTextHandler(log, nil))
	s := Open(home, Options{Log: to})
	ledger := OpenLedger(home, storetest.LedgerIssuer, LedgerOptions{LimitBytes: 1, Log: to})
	const rotations = 20
	for n := range rotations {
		require.NoError(t, ledger.Intend(background, persist.Entry{Kind: persist.Intended, TokenID: ledgerKey(n), At: time.Now()}, history.Doubt{}))
		record, err := s.Load(background)
		require.NoError(t, err)
		release, err := s.Reserve(background, record.Credential)
		require.NoError(t, err)
		require.NoError(t, s.Swap(background, record.Revision, storetest.TokenSet(n+1)))
		release()
		require.NoError(t, ledger.Conclude(background, ledgerKey(n), refusal(n)))
	}
	close(over)
	others.Wait()
	record, err := s.Load(background)
	require.NoError(t, err)
	require.True(t, record.Credential.Equal(storetest.TokenSet(rotations)))
	require.Len(t, verdictsOf(t, ledger), rotations)
	require.Empty(t, intentFiles(t, ledger))
	require.Empty(t, log.String(), "each compaction and removal came through")
	requireNoLitter(t, home, authFile, commitFile, LedgerName, LedgerName+".lock", "auth.intents")
}

// openings are how other programs open a file: [os.Open] does not share one for removal.
var openings = []func(path string) (*os.File, error){os.Open}

// scanUntil opens one file after the other, in one of these ways.
func scanUntil(over chan struct{}, home string) {
	for !isOver(over) {
		var files []string
		filepath.WalkDir(home, func(path string, each fs.DirEntry, err error) error {
			if err == nil && !each.IsDir() {
				files = append(files, path)
			}
			return nil
		})
		if len(files) == 0 {
			continue
		}
		open := openings[rand.N(len(openings))]
		if file, err := open(files[rand.N(len(files))]); err == nil {
			file.Read(make([]byte, 1))
			file.Close()
		}
	}
}

// readUntil looks at a home as a process does that only polls. There is a login at any
// moment, and what the ledger knows stays known.
func readUntil(t *testing.T, over chan struct{}, home string) {
	s, known := quiet(home), 0
	ledger := OpenLedger(home, storetest.LedgerIssuer, LedgerOptions{})
	for !isOver(over) {
		if _, err := s.Load(background); err != nil {
			t.Error(err)
		}
		read, err := ledger.History(background)
		if err != nil || len(read.Verdicts) < known {
			t.Errorf("knew %d verdicts, now %d: %v", known, len(read.Verdicts), err)
		}
		known = len(read.Verdicts)
	}
}

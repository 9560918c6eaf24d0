package main

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/store"
	"github.com/bezoar-auth/bezoar/store/file"
)

// line is an entry of a ledger as a test tells it from others.
func line(name string) string {
	return `{"kind":"login","at":"2026-03-04T05:06:07Z","pid":1,"key":"` + name + `"}` + "\n"
}

// keys are the news of a trail.
func keys(t *testing.T, trail *trail) string {
	t.Helper()
	lines, _, err := trail.news()
	require.NoError(t, err)
	var found []string
	for _, each := range lines {
		found = append(found, string(each.entry.Key))
	}
	return strings.Join(found, " ")
}

func TestTrailShowsEachLineOnceWhateverBecomesOfTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), file.LedgerName)
	write := func(lines ...string) { require.NoError(t, os.WriteFile(path, []byte(strings.Join(lines, "")), 0o600)) }
	trail := &trail{path: path}
	require.Empty(t, keys(t, trail), "there is no ledger yet")

	write(line("a"), line("b"))
	require.Equal(t, "a b", keys(t, trail))
	require.Empty(t, keys(t, trail), "nothing is new")

	torn := line("c")
	write(line("a"), line("b"), torn[:20])
	require.Empty(t, keys(t, trail), "half a line is none")
	write(line("a"), line("b"), torn, line("d"))
	require.Equal(t, "c d", keys(t, trail))

	shorter := path + ".new" // a compaction: another file, without what is not needed
	require.NoError(t, os.WriteFile(shorter, []byte(line("b")+line("d")+line("e")), 0o600))
	require.NoError(t, os.Rename(shorter, path))
	require.Equal(t, "e", keys(t, trail))

	require.NoError(t, os.Remove(path))
	require.Empty(t, keys(t, trail), "a ledger that is gone is no error")
	write(line("f"))
	require.Equal(t, "f", keys(t, trail))
}

func TestTrailTellsWhatItCannotRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), file.LedgerName)
	require.NoError(t, os.WriteFile(path, []byte("{}\n\nnonsense\n"+line("a")), 0o600))
	lines, unreadable, err := (&trail{path: path}).news()
	require.NoError(t, err)
	require.Len(t, lines, 1)
	require.Equal(t, 2, unreadable, "a line without a kind, and one that is no JSON")
}

// TestFollowedLogPrintsWhatComes runs the real program and waits for its lines,
// not for time.
func TestFollowedLogPrintsWhatComes(t *testing.T) {
	home := t.TempDir()
	ledger := file.OpenLedger(home, machine.Issuer{}, file.LedgerOptions{})
	log := exec.Command("bezoar", "log", "--follow", "--home", home)
	out, err := log.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, log.Start())
	lines := bufio.NewScanner(out)
	for _, kind := range []store.Kind{store.Login, store.Logout} {
		require.NoError(t, ledger.Append(context.Background(), store.Entry{Kind: kind, At: time.Now()}))
		require.True(t, lines.Scan())
		require.Contains(t, lines.Text(), kind)
	}
	require.NoError(t, log.Process.Signal(os.Interrupt))
	require.False(t, lines.Scan())
	require.NoError(t, log.Wait(), "Ctrl-C is how it is meant to end")
}

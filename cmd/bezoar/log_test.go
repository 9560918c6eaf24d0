package main

import (
	"bufio"
	"context"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/store/file"
)

// TestFollowedLogPrintsWhatComes runs the real program and waits for its lines,
// not for time.
func TestFollowedLogPrintsWhatComes(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	ledger := file.OpenLedger(home, machine.Issuer{}, file.LedgerOptions{})
	log := exec.Command("bezoar", "log", "--follow", "--home", home)
	withConsole(log)
	out, err := log.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, log.Start())
	lines := bufio.NewScanner(out)
	for _, kind := range []persist.Kind{persist.Login, persist.Logout} {
		require.NoError(t, ledger.Append(context.Background(), persist.Entry{Kind: kind, At: time.Now()}))
		require.True(t, lines.Scan())
		require.Contains(t, lines.Text(), kind)
	}
	require.NoError(t, interrupt(log.Process))
	require.False(t, lines.Scan())
	require.NoError(t, log.Wait(), "Ctrl-C is how it is meant to end")
}

// TestFollowedLogEndsWithItsReader closes a pipe that nothing is written to.
func TestFollowedLogEndsWithItsReader(t *testing.T) {
	t.Parallel()
	log := exec.Command("bezoar", "log", "--follow", "--home", t.TempDir())
	out, err := log.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, log.Start())
	overdue := time.AfterFunc(time.Minute, func() { log.Process.Kill() })
	defer overdue.Stop()
	require.NoError(t, out.Close())
	require.NoError(t, log.Wait())
}

package main

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
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
	home := t.TempDir()
	ledger := file.OpenLedger(home, machine.Issuer{}, file.LedgerOptions{})
	log := exec.Command("bezoar", "log", "--follow", "--home", home)
	out, err := log.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, log.Start())
	lines := bufio.NewScanner(out)
	for _, kind := range []persist.Kind{persist.Login, persist.Logout} {
		require.NoError(t, ledger.Append(context.Background(), persist.Entry{Kind: kind, At: time.Now()}))
		require.True(t, lines.Scan())
		require.Contains(t, lines.Text(), kind)
	}
	require.NoError(t, log.Process.Signal(os.Interrupt))
	require.False(t, lines.Scan())
	require.NoError(t, log.Wait(), "Ctrl-C is how it is meant to end")
}

// TestFollowedLogEndsWithItsReader closes a pipe that nothing is written to.
func TestFollowedLogEndsWithItsReader(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a pipe tells only those that write")
	}
	log := exec.Command("bezoar", "log", "--follow", "--home", t.TempDir())
	out, err := log.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, log.Start())
	overdue := time.AfterFunc(time.Minute, func() { log.Process.Kill() })
	defer overdue.Stop()
	require.NoError(t, out.Close())
	require.NoError(t, log.Wait())
}

func TestLogShowsTheNewestOrWhatIsSince(t *testing.T) {
	home := t.TempDir()
	var ledger strings.Builder
	for _, at := range []string{"09:00:00", "10:00:00", "11:30:00"} {
		ledger.WriteString(`{"kind":"login","at":"2026-03-04T` + at + `.123456789Z","pid":1,"key":"0123456789abcdef","note":"\u202e"}` + "\n")
	}
	require.NoError(t, os.WriteFile(filepath.Join(home, file.LedgerName), []byte(ledger.String()), 0o600))
	s := &scene{t: t, home: home}
	for args, want := range map[string]string{
		"":                             "09:00:00 10:00:00 11:30:00",
		"-n 2":                         "10:00:00 11:30:00",
		"--lines=1":                    "11:30:00",
		"-n 0":                         "",
		"-n 9":                         "09:00:00 10:00:00 11:30:00",
		"--since 1h":                   "11:30:00",
		"--since 10:00":                "10:00:00 11:30:00",
		"--since 09:30:00 -n 1":        "11:30:00",
		"--since 2026-03-04":           "09:00:00 10:00:00 11:30:00",
		"--since 2026-03-05":           "",
		"--since 2026-03-04T10:30:00Z": "11:30:00",
	} {
		printed, code := s.run(append([]string{"log"}, strings.Fields(args)...)...)
		require.Equal(t, exitOK, code, args)
		var found []string
		for line := range strings.Lines(printed) {
			found = append(found, strings.Fields(line)[1])
		}
		require.Equal(t, want, strings.Join(found, " "), args)
	}
	printed, _ := s.run("log", "--json", "-n", "1")
	require.Equal(t, `{"kind":"login","at":"2026-03-04T11:30:00Z","pid":1,"key":"01234567","note":"\u202e"}`+"\n", printed)
}

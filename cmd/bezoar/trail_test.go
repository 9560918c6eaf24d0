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

// line is an entry of a ledger as a test tells it from others.
func line(name string) string {
	return `{"kind":"login","at":"2026-03-04T05:06:07Z","pid":1,"key":"` + name + `"}` + "\n"
}

// keys are the news of a trail.
func keys(t *testing.T, trail *trail) string {
	t.Helper()
	var found []string
	_, err := trail.news(func(each trailLine) error {
		found = append(found, string(each.entry.TokenID))
		return nil
	})
	require.NoError(t, err)
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
	endless := strings.Repeat("x", 3*lineLimitBytes) + "\n"
	require.NoError(t, os.WriteFile(path, []byte("{}\n\nnonsense\n"+endless+line("a")), 0o600))
	entries := 0
	unreadable, err := (&trail{path: path}).news(func(trailLine) error { entries++; return nil })
	require.NoError(t, err)
	require.Equal(t, 1, entries)
	require.Equal(t, 3, unreadable, "a line without a kind, one that is no JSON, and one that is too long")
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

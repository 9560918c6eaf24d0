package account

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/cli"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/scenetest"
	"github.com/bezoar-auth/bezoar/store/file"
)

func TestLogShowsTheNewestOrWhatIsSince(t *testing.T) {
	home := t.TempDir()
	var ledger strings.Builder
	for _, at := range []string{"09:00:00", "10:00:00", "11:30:00"} {
		ledger.WriteString(`{"kind":"login","at":"2026-03-04T` + at + `.123456789Z","pid":1,"key":"0123456789abcdef","note":"\u202e"}` + "\n")
	}
	require.NoError(t, os.WriteFile(filepath.Join(home, file.LedgerName), []byte(ledger.String()), 0o600))
	s := &scenetest.Scene{Home: home}
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
		printed, code := runOn(t, s, append([]string{"log"}, strings.Fields(args)...)...)
		require.Equal(t, cli.ExitOK, code, args)
		var found []string
		for line := range strings.Lines(printed) {
			found = append(found, strings.Fields(line)[1])
		}
		require.Equal(t, want, strings.Join(found, " "), args)
	}
	printed, _ := runOn(t, s, "log", "--json", "-n", "1")
	require.Equal(t, `{"kind":"login","at":"2026-03-04T11:30:00Z","pid":1,"key":"01234567","note":"\u202e"}`+"\n", printed)
}

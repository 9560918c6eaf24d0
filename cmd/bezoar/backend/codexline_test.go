package backend

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLineThatStartsAServerIsCut(t *testing.T) {
	for line, want := range map[string][2]string{
		"app-server":                              {"", ""},
		"app-server --listen stdio://":            {"", "--listen stdio://"},
		"-c a=b app-server -c c=d --new x":        {"-c a=b", "-c c=d --new x"},
		"--enable x --new app-server":             {"--enable x --new", ""},
		"--config=a=b --strict-config app-server": {"--config=a=b --strict-config", ""},
		"-m app-server app-server":                {"-m app-server", ""},
	} {
		before, after, ok := CutServer(strings.Fields(line))
		require.True(t, ok, line)
		require.Equal(t, want, [2]string{strings.Join(before, " "), strings.Join(after, " ")}, line)
	}
}

func TestOtherLinesAreForTheCodexItself(t *testing.T) {
	for _, line := range []string{
		"", "--version", "-V", "--help app-server", "exec app-server", "exec --json app-server", "help app-server", "-- app-server",
		"app-server --help", "app-server -h", "app-server --version", "app-server help", "app-server daemon start", "app-server proxy --sock x",
		"app-server generate-json-schema --out x", "app-server generate-ts", "-c a=b app-server generate-ts", "app-server --print-startup-config",
		"app-server -- x", "-m app-server", "-c",
	} {
		_, _, ok := CutServer(strings.Fields(line))
		require.False(t, ok, line)
	}
}

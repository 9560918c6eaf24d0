package server

import (
	"flag"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/cli"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/config"
)

func serverFlags() *flag.FlagSet {
	flags := cli.NewFlags("app-server")
	new(config.Flags).Register(flags)
	new(codexFlags).register(flags)
	flags.String("backend", "", "")
	return flags
}

func TestFlagsAreDividedBetweenServerAndBackend(t *testing.T) {
	for name, test := range map[string]struct{ args, ours, handedOn, words []string }{
		"none":                    {},
		"of the server":           {args: []string{"--home", "/h", "--log-level=debug", "--backend", "codex app-server", "--stdio"}, ours: []string{"--home", "/h", "--log-level=debug", "--backend", "codex app-server", "--stdio"}},
		"where it listens":        {args: []string{"--listen", "stdio://", "--ws-issuer", "x"}, ours: []string{"--listen", "stdio://", "--ws-issuer", "x"}},
		"of both":                 {args: []string{"-c", "a=b", "--enable=X", "--strict-config"}, ours: []string{"-c", "a=b", "--enable=X", "--strict-config"}, handedOn: []string{"-c", "a=b", "--enable=X", "--strict-config"}},
		"in one word":             {args: []string{"-ca=b"}, ours: []string{"-c", "a=b"}, handedOn: []string{"-ca=b"}},
		"unknown":                 {args: []string{"--new", "--newer", "7", "--newest=8", "-z", "--stdio"}, ours: []string{"--stdio"}, handedOn: []string{"--new", "--newer", "7", "--newest=8", "-z"}},
		"help":                    {args: []string{"--help"}, ours: []string{"--help"}},
		"a word that is no flag":  {args: []string{"serve", "-"}, ours: []string{"serve", "-"}},
		"words of the backend":    {args: []string{"--stdio", "--", "codex", "--", "app-server"}, ours: []string{"--stdio"}, words: []string{"codex", "--", "app-server"}},
		"a value that looks like": {args: []string{"--config", "--new"}, ours: []string{"--config", "--new"}, handedOn: []string{"--config", "--new"}},
		"a value is missing":      {args: []string{"--config"}, ours: []string{"--config"}, handedOn: []string{"--config"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := divide(serverFlags(), test.args)
			require.Equal(t, test.ours, got.ours)
			require.Equal(t, test.handedOn, got.handedOn)
			require.Equal(t, test.words, got.words)
		})
	}
}

func TestBackendIsNamedByFlagWordsOrVariable(t *testing.T) {
	unset := func(string) string { return "" }
	for _, args := range [][]string{{"--backend", "x"}, {"-backend=x"}, {"--stdio", "--", "x"}} {
		require.True(t, namesBackend(args, unset), args)
	}
	require.False(t, namesBackend([]string{"--stdio", "backend", ""}, unset))
	require.True(t, namesBackend(nil, func(name string) string { return map[string]string{"BEZOAR_BACKEND": "codex"}[name] }))
}

package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/config"
)

func TestAShellCompletesWhatAFlagTakes(t *testing.T) {
	shown := map[string]bool{}
	unset := func(string) string { return "" }
	for _, each := range completables() {
		for _, o := range each.options {
			for _, value := range o.values {
				require.Regexp(t, `\b`+value+`\b`, o.meaning, "bezoar %s %s: its help names another value", each.command, o.word)
				shown[o.word] = true
			}
		}
	}
	for name := range valuesOf {
		require.True(t, shown[dashed(name)], "no command has --%s", name)
	}
	for _, level := range valuesOf["log-level"] {
		_, err := config.Load(config.Flags{Home: t.TempDir(), LogLevel: level}, unset)
		require.NoError(t, err)
	}
	for _, format := range valuesOf["log-format"] {
		_, err := config.Load(config.Flags{Home: t.TempDir(), LogFormat: format}, unset)
		require.NoError(t, err)
	}
}

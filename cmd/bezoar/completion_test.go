package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/cli"
)

func TestCompletedValuesStandInTheHelp(t *testing.T) {
	found := 0
	for _, each := range cli.Commands(commands).Shown() {
		for name, values := range each.Values {
			for _, value := range values {
				require.Regexp(t, `\b`+value+`\b`, each.Flags().Lookup(name).Usage, "bezoar %s --%s: its help names another value", each.Name, name)
				found++
			}
		}
	}
	require.NotZero(t, found)
}

package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCompletedValuesStandInTheHelp(t *testing.T) {
	found := 0
	for _, each := range commandList(commands).shown() {
		for name, values := range each.values {
			for _, value := range values {
				require.Regexp(t, `\b`+value+`\b`, each.flags().Lookup(name).Usage, "bezoar %s --%s: its help names another value", each.name, name)
				found++
			}
		}
	}
	require.NotZero(t, found)
}

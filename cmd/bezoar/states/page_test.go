package states

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/diagram"
	"github.com/bezoar-auth/bezoar/machine"
)

func TestTransitionsCoverTheTable(t *testing.T) {
	transitions, err := runTable()
	require.NoError(t, err)
	cells := 0
	for _, row := range machine.Table() {
		cells += len(row.From)
		require.NotEmpty(t, row.Why)
	}
	require.Len(t, transitions, cells)
}

func TestStaleAloneOrdersARefresh(t *testing.T) {
	transitions, err := runTable()
	require.NoError(t, err)
	require.Equal(t, []machine.Phase{machine.Stale}, posting(transitions))
	lie := transition{to: machine.Poisoned, effects: []string{"StartRefresh"}}
	require.Equal(t, []machine.Phase{machine.Stale, machine.Poisoned}, posting(append(transitions, lie)))
}

func TestPageIsTheSameEveryTime(t *testing.T) {
	transitions, err := runTable()
	require.NoError(t, err)
	first := page(transitions)
	for range 20 {
		transitions, err = runTable()
		require.NoError(t, err)
		require.Equal(t, first, page(transitions))
	}
}

func TestPageHasFailpointsAndNoSecret(t *testing.T) {
	transitions, err := runTable()
	require.NoError(t, err)
	text := page(transitions)
	require.Contains(t, text, "| post |  | an intent without an outcome | InDoubt |")
	require.Contains(t, text, "| save – swap: truncate | auth.json has a second name")
	require.NotContains(t, text, "refresh-first", "a secret of a sample")
}

func TestPageHasTheOrdersOfEverySample(t *testing.T) {
	transitions, err := runTable()
	require.NoError(t, err)
	require.Contains(t, page(transitions), "| Fresh, Stale | Stale | Publish, Notify; also StartRefresh or LookInStore |")
}

func TestMermaidHasThePhasesAndNoQuietRow(t *testing.T) {
	for _, phase := range machine.Phases() {
		require.Contains(t, diagram.Mermaid(), string(phase))
	}
	require.NotContains(t, diagram.Mermaid(), "NothingToDo")
}

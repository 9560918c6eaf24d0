package states

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/diagram"
	"github.com/bezoar-auth/bezoar/machine"
)

func TestTransitionsCoverTheTable(t *testing.T) {
	transitions, err := Transitions()
	require.NoError(t, err)
	rows := 0
	for _, row := range machine.Table() {
		rows += len(row.Src)
		require.NotEmpty(t, row.Why)
	}
	require.Len(t, transitions, rows)
}

func TestOnlyRowsIntoStaleOrderARefresh(t *testing.T) {
	transitions, err := Transitions()
	require.NoError(t, err)
	orders := 0
	for _, row := range transitions {
		for _, effect := range row.Effects {
			if effect == "StartRefresh" {
				orders++
				require.Equal(t, machine.Stale, row.To, "%s in %s", row.Trigger, row.From)
			}
		}
	}
	require.NotZero(t, orders)
}

func TestPageIsTheSameEveryTime(t *testing.T) {
	page, err := Page()
	require.NoError(t, err)
	for range 20 {
		again, err := Page()
		require.NoError(t, err)
		require.Equal(t, page, again)
	}
	require.Contains(t, page, "| post |  | an intent without an outcome | InDoubt |\n")
	require.Contains(t, page, "| save – swap: truncate | auth.json has a second name")
	for _, label := range machine.Phases() {
		require.Contains(t, diagram.Mermaid(), string(label))
	}
	require.NotContains(t, page, "refresh-first", "no secret of a sample gets onto the page")
	require.False(t, strings.Contains(diagram.Mermaid(), string(machine.NothingToDo)), "quiet rows are not drawn")
}

func TestOnlyStaleOrdersARefresh(t *testing.T) {
	transitions, err := Transitions()
	require.NoError(t, err)
	require.Equal(t, []machine.Phase{machine.Stale}, refreshing(transitions))
	require.Len(t, refreshing(append(transitions, Transition{To: machine.Poisoned, Effects: []string{"StartRefresh"}})), 2)
}

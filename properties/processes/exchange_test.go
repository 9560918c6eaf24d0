package processes

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/states"
	"github.com/bezoar-auth/bezoar/store/system"
)

// hasExchange reports whether two files can have each other's name here.
func hasExchange() bool {
	missing := filepath.Join("testdata", "missing")
	return !errors.Is(system.Here.Exchange(missing, missing), errors.ErrUnsupported)
}

// failpoints are the rows of a table as this system comes to them.
func failpoints(table []states.Failpoint) []states.Failpoint {
	if hasExchange() {
		return table
	}
	return withoutExchange(table)
}

// withoutExchange says of each row what lesserSystems in cmd/bezoar/states says of all: a
// rename follows each exchange that is tried. It leaves no second file, so that there is
// none to be exchanged back or removed.
func withoutExchange(table []states.Failpoint) (all []states.Failpoint) {
	for _, each := range table {
		switch verb, call, _ := strings.Cut(each.Call, ": "); {
		case each.Call == "swap: exchange back":
			each.Call, each.Leaves = "swap: rename", "the other login, and a copy of the new one, which the next process removes"
		case each.Call == "reserve probe: remove", each.Call == "sweep: remove":
			continue
		case each.Call == "swap: remove" && each.When == "":
			each.When = states.WhenLinked
		case call == "exchange":
			all = append(all, each)
			each.Call = verb + ": rename"
		}
		all = append(all, each)
	}
	return all
}

func TestWithoutExchangeEachRenameHasARow(t *testing.T) {
	table := withoutExchange(states.RefreshFailpoints())
	for where, when := range map[string]string{"reserve, reserve: rename": "", "save, swap: rename": "", "lock, sweep: rename": states.WhenAfterCrash} {
		point, known := pointAt(table, where, when)
		require.True(t, known, where)
		exchange, _ := pointAt(states.RefreshFailpoints(), strings.Replace(where, "rename", "exchange", 1), when)
		require.Equal(t, exchange.Outcome, point.Outcome, where)
	}
	point, known := pointAt(table, "save, swap: rename", states.WhenLoginBetween)
	require.True(t, known)
	require.Equal(t, states.Displaced, point.Outcome)
	isUnmet := func(each states.Failpoint) bool {
		return each.When == "" && slices.Contains([]string{"reserve probe: remove", "swap: remove"}, each.Call)
	}
	require.False(t, slices.ContainsFunc(table, isUnmet), "no process of a storm would come there, and die")
}

package simulation

import (
	"slices"
	"time"

	"pgregory.net/rapid"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/states"
	"github.com/bezoar-auth/bezoar/properties/propertytest"
	"github.com/bezoar-auth/bezoar/store/system"
)

// anyHistory is a list of operations, the simple ones first: what rapid cuts a
// history down to. It is drawn in chapters because rapid's lists are short.
func anyHistory() *rapid.Generator[operations] {
	chapter := rapid.SliceOfN(anyOperation(), 1, 20)
	return rapid.Map(rapid.SliceOfN(chapter, 1, 20), func(chapters [][]operation) operations {
		return slices.Concat(chapters...)
	})
}

var (
	whose   = rapid.IntRange(0, 2)
	passing = rapid.SampledFrom([]time.Duration{time.Second, 10 * time.Second, 2 * time.Minute, 20 * time.Minute, 2 * time.Hour})
)

// pauses is where a login or a logout is stopped: mostly nowhere.
var pauses = rapid.SampledFrom([]string{"", "", beforeStore, beforeEntry})

// halts is where a refresh is stopped: mostly nowhere.
func halts() *rapid.Generator[string] {
	steps := append(propertytest.Steps(states.RefreshFailpoints(system.KindHere())), "report")
	return rapid.Custom(func(t *rapid.T) string {
		if rapid.IntRange(0, 3).Draw(t, "halts") < 3 {
			return ""
		}
		return rapid.SampledFrom(steps).Draw(t, "before")
	})
}

func anyOperation() *rapid.Generator[operation] {
	halt := halts()
	draw := func(one func(t *rapid.T) operation) *rapid.Generator[operation] { return rapid.Custom(one) }
	ask := draw(func(t *rapid.T) operation {
		return asks{whose.Draw(t, "process"), propertytest.Asks.Draw(t, "ask"), halt.Draw(t, "halt")}
	})
	answer := draw(func(t *rapid.T) operation {
		return answers{whose.Draw(t, "process"), rapid.SampledFrom(propertytest.Ways).Draw(t, "how"), halt.Draw(t, "halt")}
	})
	grant := draw(func(t *rapid.T) operation {
		return answers{whose.Draw(t, "process"), propertytest.Redeems, halt.Draw(t, "halt")}
	})
	goOn := draw(func(t *rapid.T) operation {
		return goesOn{whose.Draw(t, "process"), halt.Draw(t, "halt"), rapid.IntRange(0, 7).Draw(t, "impatient") == 7}
	})
	strike := draw(func(t *rapid.T) operation { return strikes{whose.Draw(t, "process")} })
	return rapid.OneOf(ask, answer, ask, grant, goOn, strike,
		draw(func(t *rapid.T) operation { return timePasses{passing.Draw(t, "time")} }),
		draw(func(t *rapid.T) operation {
			return edits{rapid.SampledFrom(allEdits).Draw(t, "how"), propertytest.Lifetimes.Draw(t, "life")}
		}),
		draw(func(t *rapid.T) operation {
			account := rapid.SampledFrom([]string{"alice", "bob", ""}).Draw(t, "account")
			return logsIn{whose.Draw(t, "process"), account, propertytest.Lifetimes.Draw(t, "life"), pauses.Draw(t, "pause")}
		}),
		draw(func(t *rapid.T) operation { return logsOut{whose.Draw(t, "process"), pauses.Draw(t, "pause")} }),
		draw(func(t *rapid.T) operation { return isRejected{whose.Draw(t, "process"), halt.Draw(t, "halt")} }),
		draw(func(t *rapid.T) operation {
			return stands{whose.Draw(t, "process"), rapid.Bool().Draw(t, "timers first"), halt.Draw(t, "halt")}
		}),
		draw(func(t *rapid.T) operation { return isKilled{whose.Draw(t, "process")} }),
		draw(func(t *rapid.T) operation { return mends{rapid.Bool().Draw(t, "back")} }),
		draw(func(t *rapid.T) operation { return reloads{whose.Draw(t, "process")} }),
		draw(func(t *rapid.T) operation { return breaks{rapid.SampledFrom(allFaults).Draw(t, "fault")} }),
	)
}

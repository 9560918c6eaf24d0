package simulation

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/properties/propertytest"
)

// Stories that broke a promise once, or that a mutant broke too seldom for chance
// to find, each told to the real program.
func TestStoriesThatBrokeAPromise(t *testing.T) {
	demands := machine.Ask{Refresh: true, Token: true}
	for name, h := range map[string]operations{
		"a late answer takes the place of a later login whose successor is not saved yet": {
			asks{1, demands, ""},
			answers{1, propertytest.Redeems, "save"},
			logsOut{0, ""},
			timePasses{time.Second},
			logsIn{0, "alice", propertytest.TokenLife, ""},
			asks{0, demands, "answer"},
			breaks{writeFails},
			answers{0, propertytest.Redeems, ""},
			breaks{writeFails},
			goesOn{1, "", false},
		},
		"a late answer takes the place of a dead later login though there was a logout": {
			asks{0, demands, ""},
			answers{0, propertytest.Redeems, "save"},
			logsOut{0, ""},
			edits{signsInAgain, propertytest.TokenLife},
			asks{0, demands, ""}, // what it finds is fresh
			asks{0, demands, ""},
			answers{0, propertytest.SaysExpired, ""},
		},
		"a lost answer is forgotten in a restart": {
			asks{0, demands, ""},
			answers{0, propertytest.Loses, ""},
			isKilled{0}, isKilled{0},
			timePasses{20 * time.Minute},
			asks{0, demands, ""},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(2, true)
			w.live(h)
			require.Empty(t, w.broken, "%q", w.story)
		})
	}
}

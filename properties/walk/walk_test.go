package walk

import (
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/endpoint"
	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/machine/machinetest"
	"github.com/bezoar-auth/bezoar/properties/propertytest"
)

// TestEveryInterleavingKeepsThePromises walks breadth-first through
// all that two processes on one store can come to in four operations with two
// faults, and looks at every state. The first story that breaks a promise is
// therefore one of the shortest. Without the lock there is so much more that
// three operations have to do; -exhaustive.deep tries four. Without BEZOAR_TEST_LONG it is an
// operation less, which each mutant that a walk has to kill dies of.
func TestEveryInterleavingKeepsThePromises(t *testing.T) {
	for _, each := range walks() {
		t.Run(each.name, func(t *testing.T) {
			states, steps := walk(t, each.world)
			t.Logf("%d states, %d steps", states, steps)
			require.GreaterOrEqual(t, states, each.least, "the walk has become shorter")
		})
	}
}

// journey is where a walk starts, and how many states it must see: fewer would
// mean that something is not tried any more.
type journey struct {
	name  string
	world cosmos
	least int
}

func walks() []journey {
	switch {
	case *deep:
		return []journey{{"without the lock, deep", bigBang(4, 2, true), 1_180_000}}
	case underRace || testing.Short() || !machinetest.Long():
		return []journey{
			{"with the lock, briefly", bigBang(3, 1, false), 9_800},
			{"without the lock, briefly", bigBang(2, 2, true), 3_300},
		}
	}
	return []journey{
		{"with the lock", bigBang(4, 2, false), 175_000},
		{"without the lock", bigBang(3, 2, true), 56_000},
	}
}

var (
	deep      = flag.Bool("exhaustive.deep", false, "walk four operations with two faults without the lock, for four minutes")
	underRace bool // see exhaustive_race_test.go
)

// walk visits every state that can be reached from w once: the same one with as
// many operations and faults left, or fewer, has nothing new before it.
func walk(t *testing.T, w cosmos) (states, steps int) {
	seen := map[[16]byte]budgets{}
	for layer := []cosmos{w}; len(layer) > 0; {
		var next []cosmos
		for _, w := range layer {
			for _, after := range w.successors() {
				steps++
				if after.broken == "" {
					after.check()
				}
				if after.broken != "" {
					t.Fatalf("broken: %s\n%s", after.broken, after.story.tell())
				}
				name := after.name()
				if visited := seen[name]; !visited.cover(after) {
					seen[name] = visited.with(after)
					next = append(next, after)
					states++
				}
			}
		}
		layer = next
	}
	return states, steps
}

// budgets are what was left in the visits to one state: a bit for each number of
// operations and faults.
type budgets uint64

const mostFaults = 7

func (b budgets) with(w cosmos) budgets { return b | 1<<(w.operations*(mostFaults+1)+w.faults) }

func (b budgets) cover(w cosmos) bool {
	for operations := w.operations; operations <= mostFaults; operations++ {
		for faults := w.faults; faults <= mostFaults; faults++ {
			if b&(1<<(operations*(mostFaults+1)+faults)) != 0 {
				return true
			}
		}
	}
	return false
}

// tell is the story up to a line, numbered.
func (l *line) tell() string {
	var told []string
	for ; l != nil; l = l.before {
		told = append(told, l.told)
	}
	slices.Reverse(told)
	for n := range told {
		told[n] = fmt.Sprintf("%2d. %s", n+1, told[n])
	}
	return strings.Join(told, "\n")
}

// happens is a world after something has happened in it.
func (w cosmos) happens(told string, what func(w *cosmos)) cosmos {
	w.story, w.before = &line{told, w.story}, w.stored
	what(&w)
	return w
}

// successors are all the worlds that can come next.
func (w cosmos) successors() (next []cosmos) {
	for p := range w.processes {
		name := fmt.Sprintf("p%d", p+1)
		if w.operations > 0 {
			next = append(next, w.operated(p, name)...)
		}
		if w.faults > 0 {
			next = append(next, w.happens(name+" is killed and started again", func(w *cosmos) { w.faults--; w.crash(p) }))
		}
		for n, a := range w.processes[p].spent {
			next = append(next, w.advanced(p, n, a.stage, name)...)
		}
	}
	if w.operations > 0 {
		next = append(next, w.happens("twenty minutes pass", func(w *cosmos) {
			w.operations--
			w.now = w.now.Add(20 * time.Minute)
		}))
	}
	return next
}

func (w cosmos) operated(p int, name string) []cosmos {
	does := func(told string, what func(w *cosmos)) cosmos {
		return w.happens(name+told, func(w *cosmos) { w.operations--; what(w) })
	}
	next := []cosmos{
		does(" is asked for a refresh", func(w *cosmos) { w.ask(p, machine.Ask{Refresh: true, Token: true}) }),
		does(" is asked for the token", func(w *cosmos) { w.ask(p, machine.Ask{Token: true}) }),
		does(": a login", func(w *cosmos) { w.login(p) }),
		does(": a logout", func(w *cosmos) { w.logout(p) }),
	}
	if access := w.processes[p].state.Token(); !access.IsAbsent() {
		next = append(next, does(": its access token is rejected", func(w *cosmos) {
			w.step(p, machine.TokenRejected{At: w.at(), Access: access.Fingerprint()})
		}))
	}
	return next
}

// faultsAt are the ways in which a step can fail, besides the death of its process.
const cannotWrite = "cannot be written" // what a fault of the store is called in a story

var faultsAt = map[string][]string{"post": {propertytest.Loses, propertytest.SaysExpired, propertytest.SaysInvalidClient, propertytest.OutOfOrder}, "save": {cannotWrite}}

func (w cosmos) advanced(p, n int, stage, name string) (next []cosmos) {
	if stage == "lock" && w.locked && !w.lockless {
		return nil
	}
	told := fmt.Sprintf("%s does step %q of its refresh", name, stage)
	next = append(next, w.happens(told, func(w *cosmos) { w.advance(p, n, "") }))
	if w.faults == 0 {
		return next
	}
	for _, how := range faultsAt[stage] {
		next = append(next, w.happens(told+": it "+how, func(w *cosmos) { w.faults--; w.advance(p, n, how) }))
	}
	return next
}

// check looks at everything after each step.
func (w *cosmos) check() {
	family, generation := lineOf(w.stored)
	switch {
	case isNone(w.stored) && w.lastWord >= 0:
		w.violate("the stored login is gone without a logout")
	case !isNone(w.stored) && w.isRevived(family):
		w.lastWord = family
	case !isNone(w.stored) && w.lastWord != family:
		w.violate("a refresh undoes a login or a logout: r%d.%d is stored", family, generation)
	case w.lastWord < 0 && !w.lineage.LoggedOut:
		w.violate("the ledger has forgotten a logout")
	}
	for _, b := range w.processes {
		s := b.state
		switch {
		case s.Phase == machine.Poisoned && (!s.Token().IsAbsent() || s.Method() == ""):
			w.violate("poisoned, and a token is handed out or the method hidden")
		case s.Phase == machine.Poisoned && !w.isCondemned(s):
			w.violate("poisoned, and the issuer never refused the refresh token")
		case s.Objected && s.Attempt != 0:
			w.violate("a refresh is in flight that the issuer objects to")
		case s.Attempt != 0 && s.Phase != machine.Stale:
			w.violate("a refresh is in flight in %s", s.Phase)
		case (s.Phase == machine.Fresh || s.Phase == machine.Stale) && !s.Rejected && s.Token().IsAbsent():
			w.violate("a token is withheld that was never rejected")
		case propertytest.WronglyTold(&s, w.now) != "":
			w.violate("a process %s", propertytest.WronglyTold(&s, w.now))
		}
	}
}

// isRevived: a login of the same account may take the place of one that the ledger
// knows to be refused, and one that lives also of one that is spent.
func (w *cosmos) isRevived(family int) bool {
	verdict := w.lineage.VerdictOn(keyOf(w.before))
	return w.lastWord >= 0 && verdict != nil && (w.families[family].dead == "" || verdict.Reason != history.ReasonSpent)
}

func (w *cosmos) isCondemned(s machine.State) bool {
	family, generation := lineOf(s.Credential)
	_, known := s.Verdict()
	return known && (w.families[family].dead != "" || w.families[family].live != generation || w.wasted)
}

// checkKept: what the issuer granted is stored, or in the memory of who asked,
// unless another login came between.
func (w *cosmos) checkKept(p int, a attempt) {
	granted, ok := a.answer.(endpoint.Issued)
	if !ok {
		return
	}
	family, generation := lineOf(machine.Credential{RefreshToken: granted.Response.RefreshToken})
	k := w.families[family]
	isLive := k.dead == "" && k.live == generation && family == w.lastWord
	held := w.processes[p].state.Credential
	if isLive && !w.stored.RefreshToken.Equal(granted.Response.RefreshToken) && !held.RefreshToken.Equal(granted.Response.RefreshToken) {
		w.violate("the rotation to r%d.%d is lost while its process lives", family, generation)
	}
}

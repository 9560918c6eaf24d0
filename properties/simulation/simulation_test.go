package simulation

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/states"
	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/properties/propertytest"
	"github.com/bezoar-auth/bezoar/store/system"
)

// TestSimulation runs the real machine, owner, refresh transaction and ledger of
// one to three processes on one store, without a goroutine: rapid chooses what
// happens next and where each refresh stands while it does. A failure prints
// the shortest story that breaks a promise; -rapid.seed tells it again.
func TestSimulation(t *testing.T) {
	propertytest.Checks(t, 4000)
	rapid.Check(t, simulation)
}

func FuzzSimulation(f *testing.F) { f.Fuzz(rapid.MakeFuzz(simulation)) }

func simulation(t *rapid.T) {
	w := newWorld(
		rapid.IntRange(1, 3).Draw(t, "processes"),
		rapid.IntRange(0, 3).Draw(t, "no lock if 3") == 3,
	)
	w.live(anyHistory().Draw(t, "history"))
	if w.broken != "" { // one place to fail, or rapid takes it for another failure
		for n, line := range w.story {
			t.Logf("%2d. %s", n+1, line)
		}
		t.Fatalf("broken: %s", w.broken)
	}
}

// live lets a history happen, and then everything be well again.
func (w *world) live(h operations) {
	defer w.end()
	for _, o := range h {
		if told := o.do(w); told != "" {
			w.tell(told)
			w.check()
		}
		if w.broken != "" {
			return
		}
	}
	w.recover()
}

// A simulation that never gets anywhere proves nothing.
func TestSimulationReachesEveryCorner(t *testing.T) {
	reached := map[string]int{}
	for seed := range 1500 {
		w := newWorld(1+seed%3, seed%4 == 3)
		w.reached = reached
		w.live(anyHistory().Example(seed))
		require.Empty(t, w.broken, w.story)
		for f, strikes := range w.store.hit {
			reached["the store "+string(f)] += strikes
		}
	}
	corners := []string{"a token in doubt is posted once more", "a deadline strikes", "killed before \"answer\"", "killed before \"lock wait\"",
		"stopped before \"answer\"", "stopped before \"post\"", "an answer is heard that came while the process stood still",
		"an intent grows old before its post", "stands still before the store, in a login", "stands still before an entry, in a login",
		"stands still before the store, in a logout", "stands still before an entry, in a logout", "killed in a login", "killed in a logout",
		"a process looks at the login that was made last"}
	for _, action := range []machine.Action{machine.ActionNone, machine.ActionWait, machine.ActionLogin, machine.ActionOperator} {
		corners = append(corners, fmt.Sprintf("action %s", action))
	}
	for _, step := range append(propertytest.Steps(states.RefreshFailpoints(system.KindHere())), "report") {
		corners = append(corners, fmt.Sprintf("stands before %q", step), fmt.Sprintf("killed before %q", step))
	}
	for _, how := range propertytest.Ways {
		corners = append(corners, "the issuer "+how)
	}
	for _, f := range allFaults {
		corners = append(corners, "the store "+string(f))
	}
	for _, label := range machine.Phases() {
		corners = append(corners, "a process is "+string(label))
	}
	for _, end := range []machine.Event{
		machine.CredentialLoaded{}, machine.LoggedOut{}, machine.RefreshSucceeded{},
		machine.RefreshFailedTransient{}, machine.RefreshFailedPermanent{}, machine.RefreshObjected{},
	} {
		corners = append(corners, fmt.Sprintf("a refresh ends in %T", end))
	}
	for _, corner := range corners {
		require.NotZero(t, reached[corner], corner)
	}
}

func (w *world) clock() time.Time { return w.now }

func (w *world) tell(line string) { w.story = append(w.story, line) }

// end lets go of the coroutines.
func (w *world) end() {
	for _, p := range w.processes {
		if p.word != nil {
			p.word.stop()
		}
		for _, r := range p.refreshes {
			r.stop()
		}
	}
}

// recover makes everything well again, and demands that a login that lives is
// served.
func (w *world) recover() {
	clear(w.store.faults)
	w.tell("everything is well again, and every process is asked")
	for _, p := range w.processes {
		if p.isStopped {
			p.wake(true, "")
		}
	}
	for !w.isQuiet() {
		for _, p := range w.processes {
			p.finish()
		}
	}
	w.check()
	w.now = w.now.Add(2 * time.Hour)
	for _, p := range w.processes {
		if p.owner == nil {
			p.start()
		}
		for range 2 { // the first refresh may end in adopting what is just as old
			p.ask(machine.Ask{Refresh: true, Token: true})
			p.begin("")
			p.finish()
			w.check()
		}
		p.checkServed()
	}
}

// finish lets the refreshes of a process end as they would with a good issuer.
func (p *process) finish() {
	w := p.world
	for _, r := range slices.Clone(p.refreshes) {
		if r.place == "lock wait" && w.locked != nil {
			continue
		}
		if r.place == "answer" && r.post.answer == nil {
			r.post.answer = w.authority.Redeem(r.state.Credential.RefreshToken, w.now)
		}
		r.goOn("")
	}
}

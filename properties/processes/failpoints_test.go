package processes

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/states"
	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/evidence"
	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/machine/machinetest"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/properties/propertytest"
	"github.com/bezoar-auth/bezoar/protocol/oauth/issuer"
	"github.com/bezoar-auth/bezoar/store/file"
	"github.com/bezoar-auth/bezoar/store/system"
)

var everyKind = flag.Bool("failpoints.everykind", false, "kill processes at each place on each kind of system, not only on this one; takes ten minutes more")

// circumstance is a state of a home in which a refresh makes its own system
// calls.
type circumstance struct {
	when    string
	prepare func(t *testing.T, s *scene, m *mortal)
}

var circumstances = []circumstance{
	{"", func(*testing.T, *scene, *mortal) {}},
	{states.WhenAfterCrash, func(t *testing.T, s *scene, m *mortal) {
		said := s.kill(t, mortal{DiesBefore: "save, swap: exchange"})
		require.Contains(t, said, lastWords+"save, swap: exchange")
		m.LaterBy = unlooked(s.kind)
	}},
	{states.WhenLinked, func(t *testing.T, s *scene, _ *mortal) {
		require.NoError(t, os.Link(filepath.Join(s.home, "auth.json"), filepath.Join(s.home, "other name")))
	}},
	{states.WhenLoginBetween, func(_ *testing.T, s *scene, m *mortal) {
		s.other = s.issuer.Login(s.account, time.Now())
		m.Intrudes = authJSON(s.account.ID, s.other)
	}},
	{states.WhenLoginLast, func(_ *testing.T, s *scene, m *mortal) {
		if s.kind.Keeps(system.Exchanges) {
			return // there is no such moment
		}
		s.other = s.issuer.Login(s.account, time.Now())
		m.Intrudes, m.IntrudesAt = authJSON(s.account.ID, s.other), atTheRename
	}},
	{states.WhenObjected, func(_ *testing.T, s *scene, m *mortal) {
		s.profile, m.Profile = "wrong", "wrong"
		s.issuer.Always(issuer.Refresh, issuer.Step{Status: 401, Body: `{"error":"invalid_client"}`})
	}},
	{states.WhenLedgerIsLarge, func(_ *testing.T, _ *scene, m *mortal) { m.LedgerBytes = 1 }},
}

// TestEveryFailpointHasItsOutcome kills a process before each step and each
// system call of a refresh, and then lets another one go on. What that one makes
// of it must be what the table says; and the table must have each place, and no
// other. It does so on this system, and on each kind that lacks what this one has.
func TestEveryFailpointHasItsOutcome(t *testing.T) {
	for kindAt, kind := range kinds() {
		roll := newRoll(states.RefreshFailpoints(kind))
		stride := strideOn(kindAt)
		for n, each := range circumstances {
			t.Run(cmp.Or(kind.GOOS, "weakest")+" "+cmp.Or(each.when, "as usual"), func(t *testing.T) {
				besideOthers(t)
				for dies := 1 + n%stride; dieInARefresh(t, kind, each, dies, roll); dies += stride {
				}
			})
		}
		roll.isEmpty(t, stride)
	}
}

// dieInARefresh reports whether a refresh comes to so many places. A process dies before the
// last one, and another one makes of it what the row says.
func dieInARefresh(t *testing.T, kind system.Kind, in circumstance, dies int, roll *roll) bool {
	s := newSceneOn(t, kind)
	m := mortal{DiesAt: dies}
	in.prepare(t, s, &m)
	before := s.issuer.Counts().Grants
	place, died := lastWordsIn(s.kill(t, m))
	if !died {
		return false
	}
	point := roll.strike(t, place, in.when)
	wasSpent := s.issuer.Counts().Grants > before
	s.issuer.Always(issuer.Refresh, issuer.Step{})
	name := fmt.Sprintf("%s before %q (%s, %s)", point.Outcome, place, in.when, kind.Name)
	s.laterBy = m.LaterBy
	if point.KnownAfter(kind) > 0 {
		s.isNotKnown(t, name)
		s.laterBy += unlooked(kind)
	}
	s.comesTo(t, point.Outcome, wasSpent, name)
	return true
}

// roll is a table of failpoints, of which those are struck off that a process has come to.
type roll struct {
	table []states.Failpoint

	mu    sync.Mutex // guards what follows
	unmet map[states.Failpoint]bool
}

func newRoll(table []states.Failpoint) *roll {
	r := &roll{table: table, unmet: map[states.Failpoint]bool{}}
	for _, each := range r.table {
		r.unmet[each] = true
	}
	return r
}

// strike demands a row for a place, strikes it off and returns it.
func (r *roll) strike(t *testing.T, place, when string) states.Failpoint {
	t.Helper()
	point, known := pointAt(r.table, place, when)
	require.True(t, known, "%q has no row (%s)", place, when)
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.unmet, point)
	return point
}

// isEmpty demands that each row was struck off, if processes died at every place.
func (r *roll) isEmpty(t *testing.T, stride int) {
	t.Helper()
	if stride == 1 {
		require.Empty(t, r.unmet, "places that no process comes to")
	}
}

// unlooked is how much later it is when what a process left on a kind of system counts
// though no process can be looked up.
func unlooked(kind system.Kind) time.Duration {
	if kind.Keeps(system.KnowsProcesses) {
		return 0
	}
	return file.StagedSpan + time.Minute
}

// isNotKnown demands that a killed process is taken for a living one at first: nothing
// is posted, and nothing that it left is touched.
func (s *scene) isNotKnown(t *testing.T, name string) {
	t.Helper()
	defer func(laterBy time.Duration) { s.laterBy = laterBy }(s.laterBy)
	s.laterBy = 0
	before, found := s.issuer.Counts().Posts, s.stored(t).RefreshToken.Fingerprint()
	next := s.engineAt(t, 0)
	next.demand(t)
	require.Equal(t, before, s.issuer.Counts().Posts, name)
	require.False(t, next.Snapshot().InDoubt(), name)
	require.Equal(t, found, s.stored(t).RefreshToken.Fingerprint(), name)
	next.Close(background)
}

// besideOthers lets the short form of a test run beside others: it waits most of its
// time. The long form has the machine to itself, for its deadlines are real.
func besideOthers(t *testing.T) {
	if !machinetest.Long() {
		t.Parallel()
	}
}

// stride is how far the places lie apart at which processes die or stop: the long
// form has each of them, the short one every fourth, and others in each circumstance. On
// Windows, and more so under Wine, the start of a process takes so long that it has every
// eighth.
func stride() int {
	switch {
	case machinetest.Long():
		return 1
	case runtime.GOOS == "windows":
		return 8
	}
	return 4
}

// strideOn is that for the nth kind of system, of which the first is this one. The others
// have every fourth place in the long form too, unless all are asked for.
func strideOn(n int) int {
	switch {
	case n == 0:
		return stride()
	case *everyKind:
		return 1
	case machinetest.Long():
		return 4
	}
	return 2 * stride()
}

func TestFailpointsStandInTheirStepsAndHaveAnOutcome(t *testing.T) {
	refresh := []states.Outcome{states.Unspent, states.InDoubt, states.Committed, states.Displaced, states.Withheld}
	here := system.KindHere()
	areComplete(t, states.RefreshFailpoints(here), propertytest.Steps(states.RefreshFailpoints(here)), refresh)
	areComplete(t, states.AccountFailpoints(here), propertytest.Steps(states.AccountFailpoints(here)), []states.Outcome{states.Unspent, states.Committed, states.SignedOut})
}

func areComplete(t *testing.T, table []states.Failpoint, all []string, outcomes []states.Outcome) {
	t.Helper()
	steps := map[string]bool{}
	for _, each := range table {
		steps[each.Step] = true
		require.NotEmpty(t, each.Leaves, each)
		require.Contains(t, outcomes, each.Outcome)
	}
	require.Len(t, steps, len(all))
	for _, step := range all {
		require.True(t, steps[step], step)
	}
}

// pointAt is the row of a place: that of the circumstance, or that of every one.
func pointAt(table []states.Failpoint, where, when string) (found states.Failpoint, ok bool) {
	for _, each := range table {
		if place(each.Step, each.Call) != where || each.When != "" && each.When != when {
			continue
		}
		if found, ok = each, true; each.When == when {
			return found, true
		}
	}
	return found, ok
}

func lastWordsIn(said string) (place string, died bool) {
	_, rest, died := strings.Cut(said, lastWords)
	place, _, _ = strings.Cut(rest, "\n")
	return place, died
}

// comesTo lets another process go on where one died, and demands the outcome.
func (s *scene) comesTo(t *testing.T, outcome states.Outcome, wasSpent bool, name string) {
	t.Helper()
	const later = time.Minute // an intent that cannot be read is old by then
	next := s.engineAt(t, later)
	found, before := s.stored(t).RefreshToken.Fingerprint(), s.issuer.Counts().Posts
	if isOld := found == s.old.RefreshToken.Fingerprint(); isOld || outcome == states.Displaced {
		next.demand(t)
	}
	posts, state := s.issuer.Counts().Posts-before, next.Snapshot()
	held := state.TokenID()
	switch outcome {
	case states.Unspent:
		require.False(t, wasSpent, name)
		require.Equal(t, 1, posts, name)
		require.Equal(t, machine.Fresh, state.Phase(), name)
	case states.Committed:
		require.True(t, wasSpent || posts == 0, name)
		require.Zero(t, posts, name)
		require.NotEqual(t, s.names.TokenID(s.old.RefreshToken), held, name)
	case states.Displaced:
		require.LessOrEqual(t, posts, 1, name)
		require.True(t, s.isTheirs(found, held), name)
	case states.InDoubt:
		require.Zero(t, posts, name)
		require.True(t, state.InDoubt(), name)
		require.Equal(t, evidence.BlockInDoubt, state.Blocked(), name)
		require.Equal(t, s.old.AccessToken.Fingerprint(), state.Token().Fingerprint(), name)
		s.isTriedOnceMore(t, wasSpent, name)
		return
	case states.Withheld:
		require.Zero(t, posts, name)
		require.False(t, state.InDoubt(), name)
		require.Equal(t, evidence.BlockMisconfigured, state.Blocked(), name)
		require.Equal(t, s.old.AccessToken.Fingerprint(), state.Token().Fingerprint(), name)
	}
	require.Equal(t, s.names.TokenID(s.stored(t).RefreshToken), held, name)
	require.True(t, s.issuer.IsAlive(s.stored(t).RefreshToken), name)
	s.goesOn(t, name)
}

// isTheirs reports whether what is stored, or was adopted, is the other login or
// came out of it.
func (s *scene) isTheirs(found, held secret.Fingerprint) bool {
	theirs := s.other.RefreshToken.Fingerprint()
	posted := s.issuer.Requests()
	last := posted[len(posted)-1].Token
	return held == s.names.TokenID(s.other.RefreshToken) || found == theirs && last == theirs
}

// isTriedOnceMore demands that a token in doubt is posted once more when its
// access token is of no use any more, and that the end of the login is named if
// it was spent.
func (s *scene) isTriedOnceMore(t *testing.T, wasSpent bool, name string) {
	t.Helper()
	before := s.issuer.Counts()
	last := s.engineAt(t, 2*time.Hour)
	require.True(t, last.Snapshot().InDoubt(), "%s: named before the second post", name)
	last.demand(t)
	if wasSpent {
		last.demand(t) // a verdict by now
	}
	after, state := s.issuer.Counts(), last.Snapshot()
	require.Equal(t, wasSpent, after.Replays > before.Replays, name)
	if !wasSpent {
		require.Equal(t, 1, after.Grants-before.Grants, name)
		require.False(t, state.InDoubt(), name)
		return
	}
	require.Equal(t, 1, after.Posts-before.Posts, name)
	require.Equal(t, machine.Poisoned, state.Phase(), name)
	verdict, _ := state.Verdict()
	require.Equal(t, history.ReasonReused, verdict.Reason, name)
	require.True(t, s.hasEntry(t, persist.Refused, verdict.TokenID), name)
	require.True(t, state.InDoubt(), "%s: named when the login is over", name)
	require.True(t, s.engineAt(t, 2*time.Hour).Snapshot().InDoubt(), "%s: and to the next process", name)
}

// goesOn demands that the next process may refresh, and that nothing is left
// lying about.
func (s *scene) goesOn(t *testing.T, name string) {
	t.Helper()
	s.laterBy += unlooked(s.kind) // what else it left may be removed
	before := s.issuer.Counts()
	s.profile = "" // what the issuer had against another one does not count
	s.issuer.Always(issuer.Refresh, issuer.Step{})
	e := s.engineAt(t, time.Minute)
	e.demand(t)
	after, state := s.issuer.Counts(), e.Snapshot()
	require.Equal(t, before.Grants+1, after.Grants, "%s\n%s", name, s.log.String())
	require.Zero(t, after.Replays, name)
	require.Equal(t, machine.Fresh, state.Phase(), name)
	require.False(t, state.InDoubt(), name)
	require.True(t, s.issuer.IsAlive(s.stored(t).RefreshToken), name)
	litter, err := filepath.Glob(filepath.Join(s.home, "auth.json.*.tmp"))
	require.NoError(t, err)
	require.Empty(t, litter, name)
}

package processes

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/states"
	"github.com/bezoar-auth/bezoar/machine/engine"
	"github.com/bezoar-auth/bezoar/machine/machinetest"
	"github.com/bezoar-auth/bezoar/properties/programtest"
	"github.com/bezoar-auth/bezoar/store/system"
)

// sisterAct is what a sister does while another process stands still in a login or a
// logout.
type sisterAct string

const (
	refreshes sisterAct = "a sister refreshes"
	leaves    sisterAct = "a sister logs out"
	enters    sisterAct = "a sister logs in"
)

var sisterActs = []sisterAct{refreshes, leaves, enters}

// TestLastLoginOrLogoutCountsThoughStopped stops a process at each
// place of a login and of a logout, lets a sister refresh, log out or log in, and then
// lets it go on. The word that changed the store last counts, for each process, and no
// token is posted twice. Without BEZOAR_TEST_LONG every other place has one sister.
func TestLastLoginOrLogoutCountsThoughStopped(t *testing.T) {
	besideOthers(t)
	var all []*stoppedWord
	for n, point := range states.AccountFailpoints(system.KindHere()) {
		for at, act := range sisterActs {
			if machinetest.Long() || at == n%len(sisterActs) && n%2 == 0 {
				all = append(all, stopWordAt(t, point, act))
			}
		}
	}
	for _, each := range all {
		each.actsMeanwhile(t)
	}
	for _, each := range all {
		require.NoError(t, letGoOn(each.Process.Process), each.wordScene.name)
		<-each.Gone
		each.judge(t)
	}
}

// stoppedWord is a process that stands still in a login or a logout.
type stoppedWord struct {
	*wordScene
	*programtest.Server
	act    sisterAct
	hasDid bool // the sister did what she wanted
}

func stopWordAt(t *testing.T, point states.Failpoint, act sisterAct) *stoppedWord {
	t.Helper()
	word := point.Step
	if word == states.StepRevoke {
		word = states.StepLogout
	}
	w := newWordScene(t, word, system.KindHere())
	w.settings = func(o *engine.Options) { o.LockWait, o.SaveWait = 50*time.Millisecond, 200*time.Millisecond }
	w.point, w.order.StopsBefore = point, place(point.Step, point.Call)
	for _, each := range circumstances {
		if each.when == point.When {
			each.prepare(t, w.scene, &w.order)
		}
	}
	w.sister = w.engineAt(t, time.Minute)
	w.name = fmt.Sprintf("stopped before %q (%s), %s", w.order.StopsBefore, point.When, act)
	stands := &stoppedWord{wordScene: w, act: act, Server: w.starts(t)}
	stands.Input.Close()
	require.NoError(t, awaitStop(stands.Process.Process), "%s: no process comes there\n%s", w.name, stands.Stderr.String())
	return stands
}

func (s *stoppedWord) actsMeanwhile(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), programtest.Patience)
	defer cancel()
	switch s.act {
	case refreshes:
		s.sister.demand(t)
	case leaves:
		revoked, err := s.sister.Logout(ctx)
		if s.hasDid = err == nil; s.hasDid {
			<-revoked
		}
	case enters:
		s.hasDid = s.sister.Login(ctx, machinetest.Login(s.account.ID, s.issuer.Login(s.account, time.Now()), time.Now())) == nil
	}
	isWriting := s.point.When == states.WhenLinked && slices.Contains([]string{
		"replace: truncate", "replace: write in place", "replace: sync in place", "delete: truncate", "delete: write in place", "delete: sync in place"}, s.point.Call)
	require.True(t, s.hasDid || s.act == refreshes || isWriting, "%s: she cannot\n%s", s.wordScene.name, s.log.String())
}

// judge demands the last word, of the home, the sister and a new process.
func (s *stoppedWord) judge(t *testing.T) {
	t.Helper()
	require.NotContains(t, s.Stderr.String(), "bug:", s.wordScene.name)
	isOut := s.order.Word == states.StepLogout
	if s.point.Outcome != states.Unspent && s.hasDid { // it was done before hers
		isOut = s.act == leaves
	}
	require.Equal(t, isOut, s.held(t).IsAbsent(), "%s\n%s", s.wordScene.name, s.log.String())
	if isOut {
		s.isSeen(t, states.SignedOut)
		return
	}
	lineage, err := s.ledger().History(t.Context())
	require.NoError(t, err)
	require.False(t, lineage.LoggedOut, s.wordScene.name)
	require.True(t, s.issuer.IsAlive(s.stored(t).RefreshToken), "%s: the stored login is dead\n%s\n%s", s.wordScene.name, s.Stderr.String(), s.log.String())
	for token, times := range s.postsOf() {
		require.Equal(t, 1, times, "%s: %s is posted again", s.wordScene.name, token)
	}
	require.Zero(t, s.issuer.Counts().Replays, s.wordScene.name)
	last := s.engineAt(t, 2*time.Minute)
	last.demand(t)
	require.True(t, s.issuer.IsAlive(s.stored(t).RefreshToken), s.wordScene.name)
}

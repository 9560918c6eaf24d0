package machine_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/endpoint"
	"github.com/bezoar-auth/bezoar/machine/evidence"
	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/machine/secret"
)

// refreshing is a machine that holds the given login and wants to post.
func refreshing(t *testing.T, c machine.Credential) machine.State {
	return run(t, machine.LoggedIn{At: at(0), Credential: c}, machine.Asked{At: at(0), Ask: machine.Ask{Refresh: true}})
}

func TestARefreshIsReconsideredUnderTheLock(t *testing.T) {
	held := login("a", "r")
	newer, stranger, nameless := login("a2", "r2"), login("b", "s"), held
	stranger.AccountID, nameless.AccountID = "another account", ""
	over := expiring("r", -time.Minute)
	touched := held
	touched.LastRefresh = noon
	spent := verdict(held, history.ReasonSpent)
	dead := verdict(newer, history.ReasonReused)
	ended := history.TokenHistory{Ended: []history.Ending{{TokenID: policy.TokenID(held)}}}

	for name, c := range map[string]struct {
		held   machine.Credential
		stored machine.Stored
		want   machine.Event // only its type is compared; nil: post
	}{
		"unchanged":                         {held, machine.Stored{Credential: &held}, nil},
		"another process was here":          {held, machine.Stored{Credential: &newer}, machine.CredentialLoaded{}},
		"only the time differs":             {held, machine.Stored{Credential: &touched}, machine.CredentialLoaded{}},
		"another account's login":           {held, machine.Stored{Credential: &stranger}, machine.RefreshFailedTransient{}},
		"nothing there":                     {held, machine.Stored{}, machine.RefreshFailedTransient{}},
		"logged out elsewhere":              {held, machine.Stored{History: history.TokenHistory{LoggedOut: true}}, machine.LoggedOut{}},
		"no account to compare":             {nameless, machine.Stored{Credential: &nameless}, nil},
		"another account, and ours is over": {over, machine.Stored{Credential: &stranger}, machine.CredentialLoaded{}},
		"another account, and ours is dead": {held, machine.Stored{Credential: &stranger, History: history.TokenHistory{
			Verdicts: []history.Verdict{spent}}}, machine.CredentialLoaded{}},
		"another account, and the user made it": {held, machine.Stored{Credential: &stranger, History: made(stranger)}, machine.CredentialLoaded{}},
		"another account, and ours was ended":   {held, machine.Stored{Credential: &stranger, History: ended}, machine.CredentialLoaded{}},
		"nothing there, and ours was ended":     {held, machine.Stored{History: ended}, machine.LoggedOut{}},
		"a dead one, and ours was ended": {held, machine.Stored{Credential: &newer, History: history.TokenHistory{
			Verdicts: []history.Verdict{dead}, Ended: ended.Ended}}, machine.CredentialLoaded{}},
		"a key": {held, machine.Stored{Credential: &machine.Credential{Method: machine.MethodAPIKey, APIKey: secret.New("k")}}, machine.CredentialLoaded{}},
		"nothing there, and ours is dead": {held, machine.Stored{History: history.TokenHistory{
			Verdicts: []history.Verdict{spent}}}, machine.RefreshFailedPermanent{}},
		"condemned by the ledger": {held, machine.Stored{Credential: &held, History: history.TokenHistory{
			Verdicts: []history.Verdict{verdict(held, history.ReasonReused)}}}, machine.RefreshFailedPermanent{}},
		"condemned long ago": {held, machine.Stored{Credential: &held, History: history.TokenHistory{
			Condemned: history.Condemned{}.With(verdict(held, history.ReasonReused))}}, machine.RefreshFailedPermanent{}},
		"the newer one is dead, ours is not": {held, machine.Stored{Credential: &newer, History: history.TokenHistory{
			Verdicts: []history.Verdict{dead}}}, nil},
		"both are dead": {held, machine.Stored{Credential: &newer, History: history.TokenHistory{
			Verdicts: []history.Verdict{dead, spent}}}, machine.CredentialLoaded{}},
		"another process's backoff": {held, machine.Stored{Credential: &held, History: history.TokenHistory{
			Deferral: history.Deferral{NotBefore: noon.Add(time.Minute)}}}, machine.RefreshFailedTransient{}},
		"a backoff that is over": {held, machine.Stored{Credential: &held, History: history.TokenHistory{
			Deferral: history.Deferral{NotBefore: noon}}}, nil},
		"a backoff from the future": {held, machine.Stored{Credential: &held, History: history.TokenHistory{
			Deferral: history.Deferral{NotBefore: noon.Add(1000 * time.Hour)}}}, nil},
	} {
		require.IsType(t, c.want, refreshing(t, c.held).Preflight(c.stored, noon), name)
	}
}

// A refresh that is put off names what the user can do about it.
func TestWhatPutsARefreshOffIsNamed(t *testing.T) {
	held, stranger := login("a", "r"), login("b", "s")
	stranger.AccountID = "another account"
	lost := func(c machine.Credential) history.TokenHistory {
		return history.TokenHistory{Lost: []history.Loss{{TokenID: policy.TokenID(c), Times: 1}}}
	}
	longLived, shortLived := expiring("r", time.Hour), expiring("r", 10*time.Minute)
	longest, old := noon.Add(15*time.Minute), held.LastRefresh.Add(8*24*time.Hour)
	over := expiring("r", -time.Minute)
	for name, c := range map[string]struct {
		held      machine.Credential
		stored    machine.Stored
		trouble   evidence.BlockReason
		notBefore time.Time
	}{
		"nothing there":                   {held, machine.Stored{}, evidence.BlockOtherLoginStored, old},
		"half a file":                     {held, machine.Stored{Unreadable: true}, evidence.BlockStoreUnavailable, old},
		"another account's login":         {longLived, machine.Stored{Credential: &stranger}, evidence.BlockOtherLoginStored, noon.Add(time.Hour)},
		"nothing there, and ours is over": {over, machine.Stored{}, evidence.BlockOtherLoginStored, noon.Add(time.Second)},
		"half a file, and ours is over":   {over, machine.Stored{Unreadable: true}, evidence.BlockStoreUnavailable, noon.Add(time.Second)},
		"the longest backoff there is": {held, machine.Stored{Credential: &held,
			History: history.TokenHistory{Deferral: history.Deferral{NotBefore: longest}}}, evidence.BlockIssuerUnavailable, longest},
		"a sister posts": {held, machine.Stored{Credential: &held, Doubt: history.Doubt{Times: 1}},
			evidence.BlockRefreshElsewhere, noon.Add(time.Second)},
		"a lost answer, and the token is good for long": {longLived, machine.Stored{Credential: &longLived, History: lost(longLived)},
			evidence.BlockInDoubt, noon.Add(time.Hour)},
		"a lost answer, and the token is not": {shortLived, machine.Stored{Credential: &shortLived, History: lost(shortLived)},
			evidence.BlockInDoubt, noon.Add(10 * time.Minute)},
	} {
		event := refreshing(t, c.held).Preflight(c.stored, noon)
		require.IsType(t, machine.RefreshFailedTransient{}, event, name)
		put := event.(machine.RefreshFailedTransient)
		require.Equal(t, c.trouble, put.Blocked, name)
		require.Equal(t, c.notBefore, put.NotBefore, name)
	}
}

func TestATokenInDoubtIsTriedOnceMoreWhenNothingIsLostByIt(t *testing.T) {
	decide := func(c machine.Credential, doubt history.Doubt) machine.Event {
		return refreshing(t, c).Preflight(machine.Stored{Credential: &c, Doubt: doubt}, noon)
	}
	crashed := history.Doubt{Since: noon, Times: 1, HolderGone: true}
	require.Nil(t, decide(expiring("r", -time.Minute), crashed), "its access token is of no use any more")
	require.IsType(t, machine.RefreshFailedTransient{}, decide(expiring("r", time.Minute), crashed), "the access token still serves")
	require.IsType(t, machine.RefreshFailedTransient{}, decide(expiring("r", -time.Minute), history.Doubt{Times: 1}), "the process that posted is still there")

}

func TestATokenThatWasLostTwiceIsFinalHoweverThatCameAbout(t *testing.T) {
	over := expiring("r", -time.Minute)
	for _, each := range []struct{ crashes, answers int }{{2, 0}, {1, 1}, {0, 2}, {3, 3}} {
		final := refreshing(t, over).Preflight(machine.Stored{
			Credential: &over, Doubt: history.Doubt{Times: each.crashes, HolderGone: true},
			History: history.TokenHistory{Lost: []history.Loss{{TokenID: policy.TokenID(over), Times: each.answers}}},
		}, noon)
		require.IsType(t, machine.RefreshFailedPermanent{}, final, "%+v", each)
		require.Equal(t, history.ReasonInDoubt, final.(machine.RefreshFailedPermanent).Verdict.Reason)
	}
}

// What an issuer does with a spent refresh token is data: some give the same successor again
// for a while, and some spend none.
func TestALostAnswerIsReplayedWhereTheIssuerAllowsIt(t *testing.T) {
	serving := expiring("r", time.Hour)
	ago := func(d time.Duration) time.Time { return noon.Add(-d) }
	for name, row := range map[string]struct {
		leeway   time.Duration
		reusable bool
		doubt    history.Doubt
		lost     history.Loss
		want     machine.Event
	}{
		"no leeway":                        {0, false, history.Doubt{}, history.Loss{Times: 1, SentAt: noon}, machine.RefreshFailedTransient{}},
		"within the leeway":                {2 * time.Second, false, history.Doubt{}, history.Loss{Times: 1, SentAt: ago(2*time.Second - 1)}, nil},
		"after it":                         {2 * time.Second, false, history.Doubt{}, history.Loss{Times: 1, SentAt: ago(2 * time.Second)}, machine.RefreshFailedTransient{}},
		"before the post, by a clock back": {2 * time.Second, false, history.Doubt{}, history.Loss{Times: 1, SentAt: ago(-time.Second)}, machine.RefreshFailedTransient{}},
		"an older version does not say":    {time.Hour, false, history.Doubt{}, history.Loss{Times: 1}, machine.RefreshFailedTransient{}},
		"a crash within the leeway":        {2 * time.Second, false, history.Doubt{Since: ago(time.Second), Times: 1, HolderGone: true}, history.Loss{}, nil},
		"a crash before it":                {2 * time.Second, false, history.Doubt{Since: ago(3 * time.Second), Times: 1, HolderGone: true}, history.Loss{}, machine.RefreshFailedTransient{}},
		"a post in flight":                 {time.Hour, true, history.Doubt{Since: noon, Times: 1}, history.Loss{}, machine.RefreshFailedTransient{}},
		"twice within the leeway":          {time.Hour, false, history.Doubt{}, history.Loss{Times: 2, SentAt: noon}, machine.RefreshFailedPermanent{}},
		"a crash and an answer":            {time.Hour, false, history.Doubt{Since: noon, Times: 1, HolderGone: true}, history.Loss{Times: 1, SentAt: noon}, machine.RefreshFailedPermanent{}},
		"none is spent":                    {0, true, history.Doubt{Since: ago(time.Hour), Times: 3, HolderGone: true}, history.Loss{Times: 3}, nil},
	} {
		s := refreshing(t, serving)
		s.Policy.ReuseLeeway, s.Policy.Reusable = row.leeway, row.reusable
		row.lost.TokenID = policy.TokenID(serving)
		event := s.Preflight(machine.Stored{Credential: &serving, Doubt: row.doubt, History: history.TokenHistory{Lost: []history.Loss{row.lost}}}, noon)
		require.IsType(t, row.want, event, name)
		lost := s.Judge(endpoint.Unavailable{Lost: true}, noon).(endpoint.Unavailable).Lost
		require.Equal(t, !row.reusable, lost, name)
	}
}

// A file that is replaced is not there for a moment. Only one that stays away ends
// the login, and only when the access token is of no use any more.
func TestALoginThatIsOverAndNotStoredAnyMoreHasEnded(t *testing.T) {
	for name, stored := range map[string]machine.Stored{"nothing there": {}, "no login": {Unreadable: true}} {
		over := refreshing(t, expiring("r", -time.Minute))
		first := over.Preflight(stored, noon)
		require.IsType(t, machine.RefreshFailedTransient{}, first, name)
		again := runFrom(t, over, first, machine.Asked{At: at(time.Second)})
		require.NotZero(t, again.Attempt)
		require.IsType(t, machine.LoggedOut{}, again.Preflight(stored, noon.Add(time.Second)), name)
	}
	serving := refreshing(t, expiring("r", time.Hour))
	serving = runFrom(t, serving, serving.Preflight(machine.Stored{}, noon))
	require.Equal(t, noon.Add(time.Hour), serving.Assess(noon).NextAttemptAt, "something changes by itself then")
}

func TestAnUnsavedLoginIsNotReplacedByWhatItWasMadeFrom(t *testing.T) {
	held := login("a", "r")
	state := runFrom(t, refreshing(t, held),
		machine.RefreshSucceeded{At: at(0), Attempt: 1, Credential: login("a2", "r2"), Base: &held},
		machine.Asked{At: at(time.Minute), Ask: machine.Ask{Refresh: true}})
	require.Equal(t, machine.Stale, state.Phase)
	require.Nil(t, state.Preflight(machine.Stored{Credential: &held}, noon.Add(time.Minute)))
}

func TestBackoffGrowsToItsCeilingAndObeysTheIssuer(t *testing.T) {
	wait := func(failures int, retryAfter time.Duration, random float64) time.Duration {
		return policy.NextAttempt(noon, failures, retryAfter, random).Sub(noon)
	}
	require.Equal(t, 125*time.Millisecond, wait(1, 0, 0.5))
	require.Equal(t, 250*time.Millisecond, wait(2, 0, 0.5))
	require.Equal(t, time.Duration(0), wait(3, 0, 0))
	require.Equal(t, 256*time.Second, wait(12, 0, 0.5))
	for _, failures := range []int{13, 14, 1000} { // an issuer that is broken is probed
		require.Equal(t, 12*time.Minute+30*time.Second, wait(failures, 0, 0))
		require.InDelta(t, 14*time.Minute, wait(failures, 0, 0.9999), float64(time.Second))
	}
	require.Equal(t, time.Minute, wait(1, time.Minute, 0.5))
	require.Equal(t, 15*time.Minute, wait(1, 24*time.Hour, 0.5))
	require.Equal(t, noon, machine.Policy{BackoffOff: true}.NextAttempt(noon, 9, time.Hour, 1))
	require.Equal(t, time.Minute, policy.AfterUnexplained(noon, 1).Sub(noon))
	require.Equal(t, 15*time.Minute, policy.AfterUnexplained(noon, 99).Sub(noon))
}

func TestATokenThatExpiredAtItsBirthServesASisterAsLong(t *testing.T) {
	found := machine.CredentialLoaded{At: at(time.Minute), Credential: expiring("r", -time.Hour), RefreshedAt: noon}
	state := runFrom(t, machine.New(policy), found)
	require.Equal(t, machine.Fresh, state.Phase)
	require.Equal(t, noon.Add(5*time.Minute), state.DueAt)
	found.At = at(time.Hour)
	require.Equal(t, machine.Stale, runFrom(t, machine.New(policy), found).Phase)
	found.RefreshedAt = noon.Add(2 * time.Hour) // by a clock that has gone back
	require.Equal(t, machine.Stale, runFrom(t, machine.New(policy), found).Phase)
}

func TestMayReplaceOnlyADeadLogin(t *testing.T) {
	held := login("a", "r")
	dead, later := login("a2", "dead"), login("a3", "later")
	later.LastRefresh = held.LastRefresh.Add(time.Minute)
	bobs := login("a4", "bobs")
	bobs.AccountID = "bob"
	lineage := history.TokenHistory{Verdicts: []history.Verdict{
		verdict(dead, history.ReasonSpent), verdict(later, history.ReasonSpent), verdict(bobs, history.ReasonExpired),
	}}
	expired := history.TokenHistory{Verdicts: []history.Verdict{verdict(later, history.ReasonExpired)}}
	ended := lineage
	ended.Ended = []history.Ending{{TokenID: policy.TokenID(held)}}

	s := refreshing(t, held)
	for _, each := range []struct {
		why     string
		stored  machine.Credential
		lineage history.TokenHistory
		want    bool
	}{
		{"a file from a backup", dead, lineage, true},
		{"a login that works, as far as is known", login("a5", "good"), lineage, false},
		{"the successor of a later one is on its way", later, lineage, false},
		{"a later one that the issuer has ended", later, expired, true},
		{"another account's", bobs, lineage, false},
		{"there was a logout from the one in use", dead, ended, false},
	} {
		require.Equal(t, each.want, s.MayReplace(each.stored, each.lineage), each.why)
	}
}

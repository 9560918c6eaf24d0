package machine_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/endpoint"
	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/machine/jwt"
	"github.com/bezoar-auth/bezoar/machine/machinetest"
	"github.com/bezoar-auth/bezoar/machine/secret"
)

var noon = time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)

func at(after time.Duration) machine.At { return machine.At{Time: noon.Add(after)} }

var policy = machine.Policy{
	Issuer:       machine.Issuer{TokenEndpoint: "https://issuer.example/token", ClientID: "client"},
	RefreshFloor: 5 * time.Second,
	Claims:       jwt.Paths{Email: []jwt.Path{{"email"}}, PlanType: []jwt.Path{{"plan"}}, UserID: []jwt.Path{{"user"}}, AccountID: []jwt.Path{{"account"}}},
}

// login is a token set of one account, whose access token cannot be dated.
func login(access, refresh string) machine.Credential {
	return machine.Credential{
		Method: machine.MethodTokens, AccessToken: secret.New(access), RefreshToken: secret.New(refresh),
		AccountID: "account", LastRefresh: noon.Add(-time.Hour),
	}
}

func expiring(refresh string, expires time.Duration) machine.Credential {
	c := login("", refresh)
	c.AccessToken = machinetest.Expiring("subject", noon.Add(expires))
	return c
}

func verdict(c machine.Credential, reason history.Reason) history.Verdict {
	return history.Verdict{
		TokenID: policy.TokenID(c), Access: c.AccessToken.Fingerprint(), Reason: reason, At: noon,
	}
}

// run feeds events to a new machine and returns where they lead.
func run(t *testing.T, events ...machine.Event) machine.State {
	t.Helper()
	return runFrom(t, machine.New(policy), events...)
}

func runFrom(t *testing.T, state machine.State, events ...machine.Event) machine.State {
	t.Helper()
	for _, event := range events {
		next, _, err := machine.Step(state, event)
		require.NoError(t, err)
		state = next
	}
	return state
}

// ordersRefresh reports whether an event makes the machine ask the issuer.
func ordersRefresh(t *testing.T, state machine.State, event machine.Event) bool {
	t.Helper()
	_, effects, err := machine.Step(state, event)
	require.NoError(t, err)
	for _, effect := range effects {
		if _, ok := effect.(machine.StartRefresh); ok {
			return true
		}
	}
	return false
}

var (
	demand = machine.Asked{At: at(0), Ask: machine.Ask{Refresh: true, Token: true}}
	poll   = machine.Asked{At: at(0), Ask: machine.Ask{Token: true}}
)

func poisoned(t *testing.T) machine.State {
	c := login("access", "refresh")
	return run(t, machine.LoggedIn{At: at(0), Credential: c}, demand,
		machine.RefreshFailedPermanent{At: at(0), Attempt: 1, Verdict: verdict(c, history.ReasonReused)})
}

func TestPoisonedLoginKeepsItsMethodAndLosesItsToken(t *testing.T) {
	state := poisoned(t)
	require.Equal(t, machine.Poisoned, state.Phase)
	require.Equal(t, machine.MethodTokens, state.Method())
	require.True(t, state.Token().IsAbsent())
	held, condemned := state.Verdict()
	require.True(t, condemned)
	require.Equal(t, history.ReasonReused, held.Reason)
}

func TestPoisonedLoginOrdersALookAndNeverARefresh(t *testing.T) {
	for _, ask := range []machine.Asked{poll, demand, {At: at(1000 * time.Hour), Ask: machine.Ask{Refresh: true}}} {
		_, effects, err := machine.Step(poisoned(t), ask)
		require.NoError(t, err)
		require.Equal(t, []machine.Effect{machine.LookInStore{}}, effects)
	}
}

func TestPoisonClearsOnlyForAnotherCredential(t *testing.T) {
	same := login("access", "refresh")
	touched := same
	touched.LastRefresh = noon.Add(time.Hour)
	otherAccount := login("access", "other")
	otherAccount.AccountID = "another account"
	for name, c := range map[string]struct {
		event machine.Event
		want  machine.Phase
	}{
		"the same credential":               {machine.CredentialLoaded{At: at(0), Credential: same}, machine.Poisoned},
		"another last refresh":              {machine.CredentialLoaded{At: at(0), Credential: touched}, machine.Poisoned},
		"nothing readable":                  {machine.NothingLoaded{At: at(0)}, machine.Poisoned},
		"a login again with the same bytes": {machine.LoggedIn{At: at(0), Credential: same}, machine.Poisoned},
		"another refresh token":             {machine.CredentialLoaded{At: at(0), Credential: login("access", "new")}, machine.Fresh},
		"another access token":              {machine.CredentialLoaded{At: at(0), Credential: login("new", "refresh")}, machine.Fresh},
		"another account":                   {machine.CredentialLoaded{At: at(0), Credential: otherAccount}, machine.Fresh},
		"a key":                             {machine.LoggedIn{At: at(0), Credential: machine.Credential{Method: machine.MethodAPIKey, APIKey: secret.New("k")}}, machine.ApiKey},
		"a logout":                          {machine.LoggedOut{At: at(0)}, machine.NoAuth},
	} {
		require.Equal(t, c.want, runFrom(t, poisoned(t), c.event).Phase, name)
	}
}

func TestADeadRefreshTokenIsKnownAgainAfterALogout(t *testing.T) {
	state := runFrom(t, poisoned(t), machine.LoggedOut{At: at(0)},
		machine.CredentialLoaded{At: at(0), Credential: login("access", "refresh")})
	require.Equal(t, machine.Poisoned, state.Phase)
}

func TestASpentRefreshTokenIsKnownAgain(t *testing.T) {
	state := run(t, machine.LoggedIn{At: at(0), Credential: login("a1", "r1")}, demand,
		machine.RefreshSucceeded{At: at(0), Attempt: 1, Credential: login("a2", "r2")},
		machine.LoggedOut{At: at(0)}, machine.CredentialLoaded{At: at(0), Credential: login("a1", "r1")})
	require.Equal(t, machine.Poisoned, state.Phase, "a backup was put back: its token has been used")
}

func TestCondemnedTokenWithANewAccessTokenServesAndIsNotRefreshed(t *testing.T) {
	state := runFrom(t, poisoned(t), machine.CredentialLoaded{At: at(0), Credential: expiring("refresh", time.Hour)})
	require.Equal(t, machine.Fresh, state.Phase)
	require.False(t, state.Token().IsAbsent())
	require.False(t, ordersRefresh(t, state, demand))
	require.True(t, state.AnswersAtOnce(demand.Ask, noon))
	aged := runFrom(t, state, machine.Asked{At: at(56 * time.Minute)})
	require.Equal(t, machine.Poisoned, aged.Phase)
}

func TestATokenSetWithNothingToRefreshServesUntilItIsRefused(t *testing.T) {
	c := expiring("", time.Hour)
	state := run(t, machine.LoggedIn{At: at(0), Credential: c})
	require.False(t, ordersRefresh(t, state, demand))
	state = runFrom(t, state, machine.TokenRejected{At: at(0), Access: c.AccessToken.Fingerprint()})
	require.Equal(t, machine.Poisoned, state.Phase)
}

func TestAKeyIsNeverRefreshedAndNeverAges(t *testing.T) {
	key := machine.Credential{Method: machine.MethodAPIKey, APIKey: secret.New("key")}
	state := run(t, machine.LoggedIn{At: at(0), Credential: key})
	for _, event := range []machine.Event{
		demand, machine.Asked{At: at(1e6 * time.Hour), Ask: poll.Ask},
		machine.TokenRejected{At: at(0), Access: key.APIKey.Fingerprint()},
	} {
		next, effects, err := machine.Step(state, event)
		require.NoError(t, err)
		require.Empty(t, effects)
		require.Equal(t, machine.ApiKey, next.Phase)
		require.True(t, next.Token().Equal(key.APIKey))
	}
}

func TestAgeOfATokenSet(t *testing.T) {
	old, undated := login("opaque", "r"), login("opaque", "r")
	old.LastRefresh, undated.LastRefresh = noon.Add(-8*24*time.Hour), time.Time{}
	expiryWins := expiring("r", time.Hour)
	expiryWins.LastRefresh = noon.Add(-1000 * time.Hour)
	for name, c := range map[string]struct {
		credential machine.Credential
		want       machine.Phase
	}{
		"expires in 6 minutes":           {expiring("r", 6*time.Minute), machine.Fresh},
		"expires in 5 minutes":           {expiring("r", 5*time.Minute), machine.Stale},
		"expired":                        {expiring("r", -time.Hour), machine.Stale},
		"opaque and refreshed yesterday": {login("opaque", "r"), machine.Fresh},
		"opaque and refreshed long ago":  {old, machine.Stale},
		"opaque and never refreshed":     {undated, machine.Fresh},
		"good, but refreshed long ago":   {expiryWins, machine.Fresh},
	} {
		require.Equal(t, c.want, run(t, machine.CredentialLoaded{At: at(0), Credential: c.credential}).Phase, name)
	}
}

func TestWhoHasToWait(t *testing.T) {
	refreshing := func(c machine.Credential) machine.State {
		return run(t, machine.LoggedIn{At: at(0), Credential: c}, machine.Asked{At: at(0), Ask: machine.Ask{Refresh: true}})
	}
	good, expired := refreshing(expiring("r", 4*time.Minute)), refreshing(expiring("r", -time.Minute))
	oldOpaque := login("opaque", "r")
	oldOpaque.LastRefresh = noon.Add(-9 * 24 * time.Hour)
	old, young := refreshing(oldOpaque), refreshing(login("opaque", "r"))

	for name, state := range map[string]machine.State{"good": good, "expired": expired, "old": old, "young": young} {
		require.True(t, state.Waits(machine.Ask{Refresh: true}, noon), "%s: who demands a refresh waits for it", name)
		require.False(t, state.Waits(machine.Ask{}, noon), "%s: who wants no token never waits for one", name)
	}
	token := machine.Ask{Token: true}
	require.False(t, good.Waits(token, noon), "due, but it can still be used")
	require.False(t, young.Waits(token, noon))
	require.True(t, expired.Waits(token, noon))
	require.True(t, old.Waits(token, noon), "it is unknown whether it can be used, and it is old")
}

func TestTheFloorMakesOneRefreshOfTwoDemands(t *testing.T) {
	state := run(t, machine.LoggedIn{At: at(0), Credential: login("a1", "r1")}, demand,
		machine.RefreshSucceeded{At: at(0), Attempt: 1, Credential: login("a2", "r2")})
	again := func(after time.Duration) machine.Asked {
		return machine.Asked{At: at(after), Ask: machine.Ask{Refresh: true}}
	}
	require.False(t, ordersRefresh(t, state, again(4999*time.Millisecond)))
	require.True(t, ordersRefresh(t, state, again(5*time.Second)))
	require.True(t, ordersRefresh(t, state, again(-time.Second)), "a clock that went back does not stretch it")
	rejected := machine.TokenRejected{At: at(time.Second), Access: state.Credential.AccessToken.Fingerprint()}
	require.False(t, ordersRefresh(t, state, rejected), "a new token that is refused at once would not be helped by another")
	rejected.PastFloor = true
	require.True(t, ordersRefresh(t, state, rejected), "who knows better says so")
	rejected.Access = "another"
	require.False(t, ordersRefresh(t, state, rejected), "but of this very token")
}

func TestTheBackoffIsWaitedOutUnlessItsClockWentBack(t *testing.T) {
	state := run(t, machine.LoggedIn{At: at(0), Credential: login("a", "r")}, demand,
		machine.RefreshFailedTransient{At: at(0), Attempt: 1, NotBefore: noon.Add(time.Minute), Posted: true})
	require.Equal(t, machine.Stale, state.Phase)
	require.False(t, state.Token().IsAbsent(), "a transient failure withholds nothing")
	require.False(t, ordersRefresh(t, state, demand))
	require.True(t, ordersRefresh(t, state, machine.Asked{At: at(time.Minute)}))
	require.True(t, ordersRefresh(t, state, machine.Asked{At: at(-24 * time.Hour)}))
}

func TestTheLongestBackoffIsWaitedOutToo(t *testing.T) {
	state := run(t, machine.LoggedIn{At: at(0), Credential: login("a", "r")}, demand,
		machine.RefreshFailedTransient{At: at(0), Attempt: 1, NotBefore: noon.Add(time.Hour), Posted: true}) // of an older version
	require.False(t, ordersRefresh(t, state, demand))
	require.True(t, ordersRefresh(t, state, machine.Asked{At: at(-time.Nanosecond), Ask: demand.Ask}), "no process sets a longer one")
}

func TestPostsWithoutAVerdictAreCounted(t *testing.T) {
	state := run(t, machine.LoggedIn{At: at(0), Credential: login("a", "r")}, demand)
	for _, each := range []struct {
		posted bool
		want   int
	}{{true, 1}, {false, 1}, {true, 2}} {
		state = runFrom(t, state, machine.RefreshFailedTransient{At: at(0), Attempt: state.Attempt, Posted: each.posted}, demand)
		require.Equal(t, each.want, state.Failures)
	}
	state = runFrom(t, state, machine.RefreshSucceeded{At: at(0), Attempt: state.Attempt, Credential: login("a2", "r2")})
	require.Zero(t, state.Failures)
}

func TestAStateIsSinceItWasEntered(t *testing.T) {
	state := machine.New(policy)
	for _, each := range []struct {
		event machine.Event
		want  time.Duration
	}{
		{machine.Asked{At: at(1)}, 1},
		{machine.Asked{At: at(2)}, 1},
		{machine.LoggedIn{At: at(3), Credential: login("a", "r")}, 3},
		{machine.Asked{At: at(4)}, 3},
		{machine.Asked{At: at(5), Ask: machine.Ask{Refresh: true}}, 5},
		{machine.RefreshFailedTransient{At: at(6), Attempt: 1}, 5},
	} {
		state = runFrom(t, state, each.event)
		require.Equal(t, noon.Add(each.want), state.Since, "%T", each.event)
	}
}

func TestARejectedTokenIsWithheldUntilThereIsAnother(t *testing.T) {
	c := login("a", "r")
	state := run(t, machine.LoggedIn{At: at(0), Credential: c}, machine.TokenRejected{At: at(0), Access: c.AccessToken.Fingerprint()})
	require.Equal(t, machine.Stale, state.Phase)
	require.True(t, state.Token().IsAbsent())
	require.Equal(t, endpoint.CauseRejected, state.Cause)
	state = runFrom(t, state, machine.RefreshSucceeded{At: at(0), Attempt: 1, Credential: login("a2", "r2")})
	require.False(t, state.Token().IsAbsent())
}

func TestATokenBornExpiredIsUsedAndNotLooped(t *testing.T) {
	state := run(t, machine.LoggedIn{At: at(0), Credential: login("a", "r")}, demand,
		machine.RefreshSucceeded{At: at(0), Attempt: 1, Credential: expiring("r2", -time.Hour)})
	require.Equal(t, machine.Fresh, state.Phase)
	require.False(t, ordersRefresh(t, state, machine.Asked{At: at(4 * time.Minute), Ask: machine.Ask{Token: true}}))
	require.True(t, ordersRefresh(t, state, machine.Asked{At: at(5 * time.Minute), Ask: machine.Ask{Token: true}}))
}

func TestALateOutcomeChangesNothingButWhatIsKnown(t *testing.T) {
	c := login("a", "r")
	state := run(t, machine.LoggedIn{At: at(0), Credential: c}, demand, machine.LoggedIn{At: at(0), Credential: login("b", "s")})
	for _, late := range []machine.Event{
		machine.RefreshSucceeded{At: at(0), Attempt: 1, Credential: login("a2", "r2")},
		machine.RefreshFailedTransient{At: at(0), Attempt: 1, NotBefore: noon.Add(time.Hour), Posted: true},
		machine.CredentialLoaded{At: at(0), Attempt: 1, Credential: login("a3", "r3"), Displaced: true},
		machine.LoggedOut{At: at(0), Attempt: 1},
	} {
		require.True(t, runFrom(t, state, late).Credential.Equal(login("b", "s")), "%T", late)
	}
	knowing := runFrom(t, state, machine.RefreshFailedPermanent{At: at(0), Attempt: 1, Verdict: verdict(c, history.ReasonReused)})
	require.Equal(t, machine.Fresh, knowing.Phase)
	require.Equal(t, machine.Poisoned, runFrom(t, knowing, machine.LoggedIn{At: at(0), Credential: c}).Phase)
}

func TestAnEventOutOfPlaceIsRefusedByName(t *testing.T) {
	state := machine.New(policy)
	next, effects, err := machine.Step(state, machine.RefreshSucceeded{At: at(0)})
	var illegal *machine.IllegalTransitionError
	require.ErrorAs(t, err, &illegal)
	require.Equal(t, machine.IllegalTransitionError{From: machine.NoAuth, Trigger: machine.Trigger("RefreshSucceeded")}, *illegal)
	require.Empty(t, effects)
	require.Equal(t, state, next)
}

func TestAMergeNeverLosesARotation(t *testing.T) {
	held := login("a", "r")
	held.IDToken = machinetest.Expiring("subject", noon.Add(time.Hour))
	merged := held.Merge(endpoint.TokenResponse{IDToken: secret.New("garbage"), RefreshToken: secret.New("r2")}, noon)
	require.True(t, merged.RefreshToken.Equal(secret.New("r2")))
	require.True(t, merged.IDToken.Equal(held.IDToken), "a bad ID token does not replace a good one")
	require.True(t, merged.AccessToken.Equal(held.AccessToken), "what is absent goes on")
	require.Equal(t, noon, merged.LastRefresh)
}

func TestAnUnsavedLoginIsServedAndTriedAgain(t *testing.T) {
	held := login("a", "r")
	state := run(t, machine.LoggedIn{At: at(0), Credential: held}, demand,
		machine.RefreshSucceeded{At: at(0), Attempt: 1, Credential: login("a2", "r2"), Base: &held})
	require.True(t, state.IsUnsaved())
	require.False(t, state.Token().IsAbsent())
	_, effects, err := machine.Step(state, poll)
	require.NoError(t, err)
	require.Equal(t, []machine.Effect{machine.SaveAgain{}}, effects)
	require.True(t, runFrom(t, state, machine.CredentialLoaded{At: at(0), Credential: held}).Credential.Equal(state.Credential),
		"a look that finds what it was made from has found nothing new")
	failed := runFrom(t, state, machine.SaveFailed{At: at(0), NotBefore: noon.Add(time.Minute)})
	_, effects, err = machine.Step(failed, poll)
	require.NoError(t, err)
	require.Empty(t, effects, "not at every ask")
	require.False(t, runFrom(t, failed, machine.Saved{At: at(0)}).IsUnsaved())
}

// The ledger may know of a stored login that it is dead when this process does
// not: a good login is not given up for it.
func TestCondemnedLoginDoesNotReplaceALivingOne(t *testing.T) {
	held, dead := expiring("r", time.Hour), expiring("r2", time.Hour)
	condemned := verdict(dead, history.ReasonReused)
	loaded := machine.CredentialLoaded{At: at(0), Credential: dead, Verdict: &condemned}
	for name, events := range map[string][]machine.Event{
		"Fresh": {machine.LoggedIn{At: at(0), Credential: held}},
		"Stale": {machine.LoggedIn{At: at(0), Credential: held}, demand},
	} {
		state := run(t, append(events, loaded)...)
		require.True(t, state.Credential.Equal(held), name)
		require.False(t, state.Token().IsAbsent(), name)
	}
}

package machine_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/evidence"
	"github.com/bezoar-auth/bezoar/machine/history"
)

// objections are the two kinds, with what has to be done about each.
var objections = map[evidence.BlockReason]machine.Action{
	evidence.BlockMisconfigured: machine.ActionOperator,
	evidence.BlockLoginNeeded:   machine.ActionLogin,
}

func objection(c machine.Credential, why evidence.BlockReason) history.Objection {
	return history.Objection{
		TokenID: policy.TokenID(c), Why: why, At: noon, Evidence: evidence.Evidence{Status: 401, Code: "invalid_client"},
	}
}

// objected is a machine whose refresh has met with an objection.
func objected(t *testing.T, c machine.Credential, why evidence.BlockReason) machine.State {
	refreshing := refreshing(t, c)
	return runFrom(t, refreshing, machine.RefreshObjected{At: at(0), Attempt: refreshing.Attempt, Objection: objection(c, why)})
}

func TestAnObjectionCondemnsNothingAndEndsTheRefreshes(t *testing.T) {
	held := expiring("r", time.Hour)
	for why, action := range objections {
		s := objected(t, held, why)
		require.Equal(t, machine.Stale, s.Phase)
		require.Equal(t, held.AccessToken.Fingerprint(), s.Token().Fingerprint(), "the access token serves while it lives")
		require.Empty(t, s.Verdicts, "it is no verdict")
		said := s.Assess(noon)
		require.Equal(t, machine.Assessment{
			Phase: machine.Stale, Reason: string(why), Action: action, Usable: true, Evidence: evidence.Evidence{Status: 401, Code: "invalid_client"}.After(),
		}, said)
		for _, later := range []time.Duration{0, time.Minute, time.Hour, 1000 * time.Hour} {
			for _, ask := range []machine.Ask{{Token: true}, {Refresh: true, Token: true}, {}} {
				require.False(t, ordersRefresh(t, s, machine.Asked{At: at(later), Ask: ask}), later)
			}
			rejected := machine.TokenRejected{At: at(later), Access: held.AccessToken.Fingerprint(), PastFloor: true}
			require.False(t, ordersRefresh(t, s, rejected), later)
			require.False(t, ordersRefresh(t, runFrom(t, s, rejected), machine.Asked{At: at(later)}), later)
			require.Zero(t, s.ActsAt(noon.Add(later)), "no keeper wakes for it")
			require.Zero(t, s.Assess(noon.Add(later)).NextAttemptAt)
			require.Equal(t, action, s.Assess(noon.Add(later)).Action)
		}
		require.True(t, s.TokenAt(noon.Add(2*time.Hour)).IsEmpty(), "an expired token helps no caller")
		require.Equal(t, action, runFrom(t, s, machine.TokenRejected{At: at(0), Access: held.AccessToken.Fingerprint()}).Assess(noon).Action)
	}
}

func TestAnObjectionHasItsOwnRowInTheTable(t *testing.T) {
	refreshing := refreshing(t, login("a", "r"))
	for why, trigger := range map[evidence.BlockReason]machine.Trigger{
		evidence.BlockMisconfigured: "RefreshMisconfigured", evidence.BlockLoginNeeded: "RefreshNeedsLogin",
	} {
		event := machine.RefreshObjected{At: at(0), Attempt: refreshing.Attempt, Objection: history.Objection{Why: why}}
		require.Equal(t, trigger, machine.TriggerOf(refreshing, event))
		event.Attempt++
		require.EqualValues(t, "OutcomeLate", machine.TriggerOf(refreshing, event))
	}
}

func TestAnotherLoginEndsAnObjection(t *testing.T) {
	held := login("a", "r")
	for why := range objections {
		s := objected(t, held, why)
		for name, event := range map[string]machine.Event{
			"another login":             machine.LoggedIn{At: at(0), Credential: login("a2", "r2")},
			"the same login, made anew": machine.LoggedIn{At: at(0), Credential: held},
			"one that was stored":       machine.CredentialLoaded{At: at(0), Credential: login("a2", "r2")},
		} {
			next := runFrom(t, s, event)
			require.Equal(t, machine.Fresh, next.Phase, name)
			require.Equal(t, machine.ActionNone, next.Assess(noon).Action, name)
			require.True(t, ordersRefresh(t, next, demand), name)
		}
		require.False(t, ordersRefresh(t, runFrom(t, s, machine.CredentialLoaded{At: at(0), Credential: held}), demand), "the same file again")
		require.False(t, ordersRefresh(t, runFrom(t, s, machine.NothingLoaded{At: at(0)}), demand))
	}
}

func TestEveryAskOfAnObjectedLoginLooksForAnother(t *testing.T) {
	s := objected(t, login("a", "r"), evidence.BlockMisconfigured)
	_, effects, err := machine.Step(s, poll)
	require.NoError(t, err)
	require.Equal(t, []machine.Effect{machine.LookInStore{}}, effects)
}

func TestALoginIsLoadedWithTheObjectionToIt(t *testing.T) {
	held, owned := expiring("r", time.Hour), policy
	owned.Profile = "profile"
	said := objection(held, evidence.BlockMisconfigured)
	said.Profile = owned.Profile
	known := history.TokenHistory{Objections: []history.Objection{said}}
	fresh := machine.New(owned)
	fresh = runFrom(t, fresh, fresh.Loaded(known, held, noon))
	require.Equal(t, machine.Fresh, fresh.Phase, "its access token is as good as ever")
	require.Equal(t, machine.ActionOperator, fresh.Assess(noon).Action)
	require.Equal(t, 401, fresh.Assess(noon).Evidence.Status)
	for _, event := range []machine.Event{demand, machine.Asked{At: at(56 * time.Minute)}} {
		require.False(t, ordersRefresh(t, fresh, event))
		stale := runFrom(t, fresh, event)
		require.Equal(t, machine.Stale, stale.Phase)
		require.Zero(t, stale.Attempt)
	}
	for name, change := range map[string]func(*machine.Policy, *machine.Credential){
		"another profile": func(p *machine.Policy, _ *machine.Credential) { p.Profile = "changed" },
		"another token":   func(_ *machine.Policy, c *machine.Credential) { *c = expiring("r2", time.Hour) },
	} {
		other, c := owned, held
		change(&other, &c)
		s := machine.New(other)
		require.True(t, ordersRefresh(t, runFrom(t, s, s.Loaded(known, c, noon)), demand), name)
	}
}

func TestPreflightKnowsAnObjectionOfAnotherProcess(t *testing.T) {
	held := login("a", "r")
	s := refreshing(t, held)
	said := objection(held, evidence.BlockLoginNeeded)
	stored := machine.Stored{Credential: &held, History: history.TokenHistory{
		Objections: []history.Objection{said}, Deferral: history.Deferral{NotBefore: noon.Add(time.Minute)},
	}}
	require.Equal(t, machine.RefreshObjected{At: at(0), Attempt: s.Attempt, Objection: said}, s.Preflight(stored, noon))
	stored.History.Objections[0].Profile = "another"
	require.IsType(t, machine.RefreshFailedTransient{}, s.Preflight(stored, noon))
	stored.History.Deferral.OfClient, stored.History.Deferral.Profile = true, "another"
	require.Nil(t, s.Preflight(stored, noon), "what the issuer has against another profile is no reason to wait")
	stored.History.Deferral.Profile = ""
	require.Equal(t, evidence.BlockMisconfigured, s.Preflight(stored, noon).(machine.RefreshFailedTransient).Blocked)
	stored.History.Objections[0].Profile = ""
	stored.History.Verdicts = []history.Verdict{verdict(held, history.ReasonReused)}
	require.IsType(t, machine.RefreshFailedPermanent{}, s.Preflight(stored, noon), "a verdict says more")
}

func TestAVerdictEndsAnObjection(t *testing.T) {
	held := login("a", "r")
	s := machine.New(policy)
	loaded := s.Loaded(history.TokenHistory{Objections: []history.Objection{objection(held, evidence.BlockMisconfigured)}}, held, noon)
	dead := verdict(held, history.ReasonReused)
	loaded.Verdict = &dead
	s = runFrom(t, s, loaded)
	require.Equal(t, machine.Poisoned, s.Phase)
	require.Equal(t, "refresh_token_reused", s.Assess(noon).Reason)
	require.Zero(t, s.Assess(noon).Evidence)
}

func TestAWaitForAClientThatMayBeWrongNamesTheOperator(t *testing.T) {
	refreshing, later := refreshing(t, login("a", "r")), noon.Add(time.Minute)
	s := runFrom(t, refreshing, machine.RefreshFailedTransient{
		At: at(0), Attempt: refreshing.Attempt, NotBefore: later, Posted: true, Blocked: evidence.BlockMisconfigured,
	})
	require.Equal(t, machine.ActionOperator, s.Assess(noon).Action)
	require.Equal(t, later, s.Assess(noon).NextAttemptAt, "a gateway may have said it")
	require.False(t, ordersRefresh(t, s, poll))
	require.True(t, ordersRefresh(t, s, machine.Asked{At: at(time.Minute)}))
}

func TestAnUnsavedLoginThatMeetsAnObjectionIsStillSaved(t *testing.T) {
	refreshing, base := refreshing(t, login("a", "r")), login("a", "r")
	s := runFrom(t, refreshing, machine.RefreshSucceeded{At: at(0), Attempt: 1, Credential: login("a2", "r2"), Base: &base})
	s = runFrom(t, s, machine.Asked{At: at(time.Minute), Ask: machine.Ask{Refresh: true}})
	s = runFrom(t, s, machine.RefreshObjected{At: at(time.Minute), Attempt: s.Attempt, Objection: objection(login("a2", "r2"), evidence.BlockLoginNeeded)})
	require.Equal(t, machine.ActionOperator, s.Assess(noon.Add(time.Minute)).Action, "the disk comes first")
	_, effects, err := machine.Step(s, machine.Asked{At: at(2 * time.Minute), Ask: machine.Ask{Token: true}})
	require.NoError(t, err)
	require.Equal(t, []machine.Effect{machine.SaveAgain{}}, effects)
}

package machine_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/secret"
)

func TestHealthNamesWhatSomebodyHasToDo(t *testing.T) {
	held := login("a", "r")
	fresh := run(t, machine.LoggedIn{At: at(0), Credential: held})
	refreshing := runFrom(t, fresh, demand)
	failed := func(trouble machine.Trouble) machine.State {
		return runFrom(t, refreshing, machine.RefreshFailedTransient{At: at(0), Attempt: 1, NotBefore: noon.Add(time.Minute), Trouble: trouble})
	}
	for name, row := range map[string]struct {
		state  machine.State
		health machine.Health
	}{
		"nobody":            {machine.New(policy), machine.Health{Label: machine.NoAuth, Action: machine.ActionLogin}},
		"nobody to be seen": {run(t, blind), machine.Health{Label: machine.NoAuth, Reason: "store_unavailable", Action: machine.ActionOperator}},
		"fresh":             {fresh, machine.Health{Label: machine.Fresh, Action: machine.ActionNone}},
		"refreshing":        {refreshing, machine.Health{Label: machine.Stale, Action: machine.ActionWait}},
		"an outage":         {failed(machine.TroubleIssuer), machine.Health{Label: machine.Stale, Reason: "issuer_unavailable", Action: machine.ActionWait}},
		"a lost one":        {failed(machine.TroubleDoubt), machine.Health{Label: machine.Stale, Reason: "in_doubt", InDoubt: true, Action: machine.ActionWait}},
		"a full disk":       {failed(machine.TroubleUnwriteable), machine.Health{Label: machine.Stale, Reason: "store_not_durable", Action: machine.ActionOperator}},
		"a dead token":      {runFrom(t, refreshing, machine.RefreshFailedPermanent{At: at(0), Attempt: 1, Verdict: verdict(held, machine.ReasonReused)}), machine.Health{Label: machine.Poisoned, Reason: "refresh_token_reused", Action: machine.ActionLogin}},
		"unsaved": {runFrom(t, refreshing, machine.RefreshSucceeded{At: at(0), Attempt: 1, Credential: login("a2", "r2"), Base: &held}),
			machine.Health{Label: machine.Fresh, Reason: "store_not_durable", Unsaved: true, Action: machine.ActionOperator}},
		"aged, and nobody has asked": {run(t, machine.CredentialLoaded{At: at(0), Credential: expiring("r", time.Minute)}),
			machine.Health{Label: machine.Stale, Action: machine.ActionNone}},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, row.health, row.state.Health()) })
	}
}

// blind is a look at a store that nobody can read.
var blind = machine.NothingLoaded{At: at(0), Trouble: machine.TroubleUnreadable}

func TestWhyNobodyIsLoggedInIsToldOnceAndForgottenWithTheReason(t *testing.T) {
	forbidding := policy
	forbidding.Restriction.ForbidAPIKey = true
	key := machine.Credential{Method: machine.MethodAPIKey, APIKey: secret.New("k")}
	unsighted := runFrom(t, machine.New(forbidding), blind)
	_, effects, err := machine.Step(unsighted, blind)
	require.NoError(t, err)
	require.Empty(t, effects, "it is no news any more")
	for name, event := range map[string]machine.Event{
		"nothing there":           machine.NothingLoaded{At: at(0)},
		"a login that may not be": machine.CredentialLoaded{At: at(0), Credential: key},
		"a logout":                machine.LoggedOut{At: at(0)},
	} {
		next, effects, err := machine.Step(unsighted, event)
		require.NoError(t, err)
		require.Equal(t, machine.Health{Label: machine.NoAuth, Action: machine.ActionLogin}, next.Health(), name)
		require.Equal(t, []machine.Effect{machine.Publish{}, machine.Notify{}}, effects, name)
	}
	require.Empty(t, runFrom(t, unsighted, machine.CredentialLoaded{At: at(0), Credential: login("a", "r")}).Trouble)
	require.Empty(t, runFrom(t, poisoned(t), blind).Trouble, "it is known what is wrong with the login")
}

func TestEveryChangeOfHealthIsTold(t *testing.T) {
	stale := runFrom(t, run(t, machine.LoggedIn{At: at(0), Credential: login("a", "r")}), demand)
	for _, told := range []struct {
		trouble machine.Trouble
		isNews  bool
	}{{machine.TroubleIssuer, true}, {machine.TroubleIssuer, false}, {machine.TroubleDoubt, true}} {
		next, effects, err := machine.Step(stale, machine.RefreshFailedTransient{At: at(0), Attempt: stale.Attempt, Trouble: told.trouble})
		require.NoError(t, err)
		require.Equal(t, told.isNews, slices.Contains(effects, machine.Effect(machine.Notify{})))
		stale = runFrom(t, next, demand)
	}
}

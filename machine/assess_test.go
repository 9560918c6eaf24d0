package machine_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/evidence"
	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/machine/secret"
)

func TestAnAssessmentNamesWhatHasToBeDone(t *testing.T) {
	held := login("a", "r")
	fresh := run(t, machine.LoggedIn{At: at(0), Credential: held})
	refreshing := runFrom(t, fresh, demand)
	later := noon.Add(time.Minute)
	failed := func(trouble evidence.BlockReason) machine.State {
		return runFrom(t, refreshing, machine.RefreshFailedTransient{At: at(0), Attempt: 1, NotBefore: later, Blocked: trouble})
	}
	stale := func(reason string, action machine.Action) machine.Assessment {
		return machine.Assessment{Phase: machine.Stale, Reason: reason, Action: action, NextAttemptAt: later, Usable: true}
	}
	inDoubt := stale("in_doubt", machine.ActionWait)
	inDoubt.InDoubt = true
	external := held
	external.Method = machine.MethodExternal
	refused := runFrom(t, run(t, machine.LoggedIn{At: at(0), Credential: external}), machine.TokenRejected{At: at(0), Access: held.AccessToken.Fingerprint()})
	undated, empty := held, held
	undated.LastRefresh, empty.AccessToken = time.Time{}, secret.New("")
	keyless := machine.Credential{Method: machine.MethodAPIKey, APIKey: secret.New("")}
	incomplete := func(label machine.Phase) machine.Assessment {
		return machine.Assessment{Phase: label, Reason: machine.ReasonIncomplete, Action: machine.ActionLogin}
	}
	for name, row := range map[string]struct {
		state machine.State
		want  machine.Assessment
	}{
		"without a date":   {run(t, machine.CredentialLoaded{At: at(0), Credential: undated}), incomplete(machine.Fresh)},
		"without a token":  {run(t, machine.CredentialLoaded{At: at(0), Credential: empty}), incomplete(machine.Fresh)},
		"without a key":    {run(t, machine.CredentialLoaded{At: at(0), Credential: keyless}), incomplete(machine.ApiKey)},
		"no login":         {machine.New(policy), machine.Assessment{Phase: machine.NoAuth, Action: machine.ActionLogin}},
		"none to be seen":  {run(t, blind), machine.Assessment{Phase: machine.NoAuth, Reason: "store_unavailable", Action: machine.ActionOperator}},
		"fresh":            {fresh, machine.Assessment{Phase: machine.Fresh, Action: machine.ActionNone, Usable: true}},
		"refreshing":       {refreshing, machine.Assessment{Phase: machine.Stale, Action: machine.ActionWait, NextAttemptAt: noon.Add(65 * time.Second), Usable: true}},
		"an outage":        {failed(evidence.BlockIssuerUnavailable), stale("issuer_unavailable", machine.ActionWait)},
		"a lost one":       {failed(evidence.BlockInDoubt), inDoubt},
		"a full disk":      {failed(evidence.BlockStoreNotDurable), stale("store_not_durable", machine.ActionOperator)},
		"a dead token":     {runFrom(t, refreshing, machine.RefreshFailedPermanent{At: at(0), Attempt: 1, Verdict: verdict(held, history.ReasonReused)}), machine.Assessment{Phase: machine.Poisoned, Reason: "refresh_token_reused", Action: machine.ActionLogin}},
		"the client gives": {runFrom(t, refused, machine.RefreshFailedTransient{At: at(0), Attempt: 1}), machine.Assessment{Phase: machine.Stale, Reason: "token_rejected", Action: machine.ActionLogin}},
		"unsaved": {runFrom(t, refreshing, machine.RefreshSucceeded{At: at(0), Attempt: 1, Credential: login("a2", "r2"), Base: &held}),
			machine.Assessment{Phase: machine.Fresh, Reason: "store_not_durable", Unsaved: true, Action: machine.ActionOperator, Usable: true}},
		"aged, and nothing was asked": {run(t, machine.CredentialLoaded{At: at(0), Credential: expiring("r", time.Minute)}),
			machine.Assessment{Phase: machine.Stale, Action: machine.ActionNone, Usable: true}},
		"over, and nothing was asked": {run(t, machine.CredentialLoaded{At: at(0), Credential: expiring("r", -time.Minute)}),
			machine.Assessment{Phase: machine.Stale, Action: machine.ActionNone, Expired: true}},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, row.want, row.state.Assess(noon)) })
	}
}

func TestAWaitEndsWhenItsTimeHasCome(t *testing.T) {
	stale := runFrom(t, run(t, machine.LoggedIn{At: at(0), Credential: expiring("r", time.Hour)}), demand)
	stale = runFrom(t, stale, machine.RefreshFailedTransient{At: at(0), Attempt: 1, NotBefore: noon.Add(time.Minute), Posted: true, Blocked: evidence.BlockIssuerUnavailable})
	require.Equal(t, machine.ActionWait, stale.Assess(noon.Add(time.Minute-1)).Action)
	over := stale.Assess(noon.Add(time.Minute))
	require.Equal(t, machine.ActionNone, over.Action, "the next use asks again")
	require.Zero(t, over.NextAttemptAt)
}

func TestTheEndOfARefreshDoesNotMoveAway(t *testing.T) {
	refreshing := runFrom(t, run(t, machine.LoggedIn{At: at(0), Credential: expiring("r", time.Hour)}), demand)
	require.Equal(t, refreshing.Assess(noon).NextAttemptAt, refreshing.Assess(noon.Add(30*time.Second)).NextAttemptAt)
}

func TestAnExpiredTokenIsGivenOnlyWhileTheIssuerCannotBeAsked(t *testing.T) {
	over := runFrom(t, run(t, machine.CredentialLoaded{At: at(0), Credential: expiring("r", -time.Minute)}), poll)
	for trouble, isGiven := range map[evidence.BlockReason]bool{
		evidence.BlockIssuerUnavailable: true, evidence.BlockInDoubt: true, evidence.BlockRefreshElsewhere: true, evidence.BlockStoreUnavailable: true,
		evidence.BlockStoreNotDurable: false, evidence.BlockOtherLoginStored: false, "": false,
	} {
		failed := runFrom(t, over, machine.RefreshFailedTransient{At: at(0), Attempt: 1, NotBefore: noon.Add(time.Minute), Blocked: trouble})
		require.Equal(t, isGiven, !failed.TokenAt(noon).IsAbsent(), trouble)
	}
}

// blind is a look at a store that cannot be read.
var blind = machine.NothingLoaded{At: at(0), Blocked: evidence.BlockStoreUnavailable}

func TestAssessmentOfNoLoginIsNotifiedOnce(t *testing.T) {
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
		require.Equal(t, machine.Assessment{Phase: machine.NoAuth, Action: machine.ActionLogin}, next.Assess(noon), name)
		require.Len(t, effects, 2, name)
		require.True(t, notifies(effects), name)
	}
	require.Empty(t, runFrom(t, unsighted, machine.CredentialLoaded{At: at(0), Credential: login("a", "r")}).Blocked)
	require.Empty(t, runFrom(t, poisoned(t), blind).Blocked, "it is known what is wrong with the login")
}

func TestAssessmentNotifiesOfEveryChange(t *testing.T) {
	stale := runFrom(t, run(t, machine.LoggedIn{At: at(0), Credential: login("a", "r")}), demand)
	for n, told := range []struct {
		trouble evidence.BlockReason
		isNews  bool
	}{{evidence.BlockIssuerUnavailable, true}, {evidence.BlockIssuerUnavailable, false}, {evidence.BlockInDoubt, true}} {
		now, later := time.Duration(n)*time.Minute, noon.Add(time.Duration(n+1)*time.Minute)
		next, effects, err := machine.Step(stale, machine.RefreshFailedTransient{At: at(now), Attempt: stale.Attempt, NotBefore: later, Blocked: told.trouble})
		require.NoError(t, err)
		require.Equal(t, told.isNews, notifies(effects), n)
		again := machine.Asked{At: machine.At{Time: later}, Ask: machine.Ask{Refresh: true}}
		stale, effects, err = machine.Step(next, again)
		require.NoError(t, err)
		require.False(t, notifies(effects), "the next attempt is no news")
	}
}

// What is said of a row of equal answers is what can end it. The attempts go on.
func TestEqualAnswersInARowHaveAWayOut(t *testing.T) {
	for name, each := range map[string]struct {
		evidence evidence.Evidence
		times    int
		want     machine.Action
		reason   string
	}{
		"an outage":                {evidence.Evidence{Status: 503}, 99, machine.ActionWait, "issuer_unavailable"},
		"it is busy":               {evidence.Evidence{Status: 429}, 99, machine.ActionWait, "issuer_unavailable"},
		"no network":               {evidence.Evidence{Problem: evidence.ProblemNoConnection}, 99, machine.ActionWait, "issuer_unavailable"},
		"a portal":                 {evidence.Evidence{Status: 403, Problem: evidence.ProblemPage}, 99, machine.ActionWait, "issuer_unavailable"},
		"a refusal, twice":         {evidence.Evidence{Status: 400, Code: "invalid_request"}, 2, machine.ActionWait, "refresh_not_granted"},
		"a refusal, again":         {evidence.Evidence{Status: 400, Code: "invalid_request"}, 3, machine.ActionLogin, "refresh_not_granted"},
		"gone":                     {evidence.Evidence{Status: 410}, 3, machine.ActionLogin, "refresh_not_granted"},
		"nothing granted":          {evidence.Evidence{Status: 200, Problem: evidence.ProblemNoToken}, 3, machine.ActionLogin, "refresh_not_granted"},
		"the client":               {evidence.Evidence{Status: 400, Code: "invalid_client"}, 3, machine.ActionOperator, "refresh_not_granted"},
		"the address":              {evidence.Evidence{Status: 404}, 3, machine.ActionOperator, "refresh_not_granted"},
		"a certificate, once":      {evidence.Evidence{Problem: evidence.ProblemCertificate}, 1, machine.ActionWait, "certificate_not_trusted"},
		"a certificate, again":     {evidence.Evidence{Problem: evidence.ProblemCertificate}, 3, machine.ActionOperator, "certificate_not_trusted"},
		"no authorities, for sure": {evidence.Evidence{Problem: evidence.ProblemCAFileUnreadable}, 1, machine.ActionOperator, "ca_file_not_readable"},
		"plain HTTP, for sure":     {evidence.Evidence{Problem: evidence.ProblemPlainHTTP}, 1, machine.ActionOperator, "plain_http_refused"},
	} {
		stale := runFrom(t, run(t, machine.LoggedIn{At: at(0), Credential: expiring("r", -time.Minute)}), demand)
		stale = runFrom(t, stale, machine.RefreshFailedTransient{
			At: at(0), Attempt: stale.Attempt, Posted: true, NotBefore: noon.Add(time.Minute), Blocked: evidence.BlockIssuerUnavailable,
			Evidence: evidence.Repeated{Evidence: each.evidence, Times: each.times},
		})
		assessed := stale.Assess(noon)
		require.Equal(t, each.want, assessed.Action, name)
		require.Equal(t, each.reason, assessed.Reason, name)
		require.Equal(t, noon.Add(time.Minute), assessed.NextAttemptAt, name)
		require.Equal(t, each.want == machine.ActionLogin, stale.TokenAt(noon).IsAbsent(), name)
		require.True(t, ordersRefresh(t, stale, machine.Asked{At: at(time.Minute)}), name)
	}
}

func TestWhatCannotBeRefreshedIsUsedToItsEndAndThenNeedsALogin(t *testing.T) {
	bare := expiring("", time.Minute)
	bare.RefreshToken = secret.New("")
	serving := run(t, machine.CredentialLoaded{At: at(0), Credential: bare})
	require.Equal(t, machine.Fresh, runFrom(t, serving, poll).Phase)
	over := runFrom(t, serving, machine.Asked{At: at(time.Minute), Ask: poll.Ask})
	for name, state := range map[string]machine.State{
		"in use":    over,
		"loaded":    run(t, machine.CredentialLoaded{At: at(time.Minute), Credential: bare}),
		"logged in": run(t, machine.LoggedIn{At: at(time.Minute), Credential: bare}),
	} {
		assessed := state.Assess(noon.Add(time.Minute))
		require.Equal(t, machine.Poisoned, assessed.Phase, name)
		require.Equal(t, machine.ActionLogin, assessed.Action, name)
		require.Equal(t, "no_token", assessed.Reason, name)
		require.False(t, assessed.Usable, name)
	}
}

func TestATokenLivesFromTheRequestOn(t *testing.T) {
	asked := runFrom(t, run(t, machine.LoggedIn{At: at(0), Credential: expiring("r", -time.Minute)}), demand)
	slow := machine.RefreshSucceeded{At: at(3 * time.Second), Attempt: asked.Attempt, SentAt: noon, Credential: expiring("r2", 2*time.Second)}
	require.Equal(t, machine.Stale, runFrom(t, asked, slow).Phase)
	require.False(t, runFrom(t, asked, slow).Assess(noon.Add(3*time.Second)).Usable)
	slow.SentAt = noon.Add(2 * time.Second) // it had expired by then: the clock is wrong
	wrong := runFrom(t, asked, slow)
	require.Equal(t, machine.Fresh, wrong.Phase)
	require.True(t, wrong.Assess(noon.Add(3*time.Second)).ClockWrong)

	found := machine.CredentialLoaded{At: at(3 * time.Second), Credential: slow.Credential, RefreshedAt: noon.Add(3 * time.Second), SentAt: noon}
	require.Equal(t, machine.Stale, run(t, found).Phase, "another process comes to the same")
}

func notifies(effects []machine.Effect) bool {
	return slices.ContainsFunc(effects, func(each machine.Effect) bool {
		_, ok := each.(machine.Notify)
		return ok
	})
}

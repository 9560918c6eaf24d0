package walk

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/evidence"
	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/machine/machinetest"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/properties/propertytest"
)

// TestEveryEventInEveryStateKeepsTheInvariants feeds every kind of event, timely
// and late, into every state that four events (without BEZOAR_TEST_LONG, three) can lead to
// from nothing, from a refresh in flight or from a token set that could not be saved,
// and demands that each row of the table was walked from each of its states.
func TestEveryEventInEveryStateKeepsTheInvariants(t *testing.T) {
	depth, least := 3, 1_750
	if machinetest.Long() {
		depth, least = 4, 6_900
	}
	type place struct {
		state machine.State
		now   time.Time
		story *line
	}
	seen, walked, steps := map[string]bool{}, map[string]bool{}, 0
	layer := []place{
		{machine.New(propertytest.Policy), machinetest.Dawn, nil}, {unsavedState(t), machinetest.Dawn, &line{"unsaved", nil}},
		{refreshingState(t), machinetest.Dawn, &line{"refreshing", nil}},
	}
	for range depth {
		var next []place
		for _, from := range layer {
			for _, wait := range []time.Duration{0, 20 * time.Minute} {
				now := from.now.Add(wait)
				for _, event := range everyEvent(from.state, now) {
					steps++
					trigger := machine.TriggerOf(from.state, event)
					story := &line{wait.String() + " later: " + string(trigger), from.story}
					to := mustStep(t, from.state, event, story)
					if wrong := propertytest.WronglyTold(&to, now); wrong != "" {
						t.Fatalf("a process %s:\n%s\n%T %+v", wrong, story.tell(), event, to.Assess(now))
					}
					walked[string(trigger)+" from "+string(from.state.Phase)] = true
					var n naming
					n.state(to)
					n.numbers(minutes(now))
					if !seen[string(n)] {
						seen[string(n)] = true
						next = append(next, place{to, now, story})
					}
				}
			}
		}
		layer = next
	}
	for _, row := range machine.Table() {
		for _, from := range row.From {
			require.True(t, walked[string(row.Trigger)+" from "+string(from)], "no event leads to %s from %s", row.Trigger, from)
		}
	}
	t.Logf("%d states, %d steps, %d triggers from a state", len(seen), steps, len(walked))
	require.GreaterOrEqual(t, len(seen), least, "the walk has become shorter")
}

func refreshingState(t *testing.T) machine.State {
	at := machine.At{Time: machinetest.Dawn}
	s := mustStep(t, machine.New(propertytest.Policy), machine.LoggedIn{At: at, Credential: tokensOf(0, 0, machinetest.Dawn)}, nil)
	return mustStep(t, s, machine.Asked{At: at, Ask: machine.Ask{Refresh: true}}, nil)
}

func unsavedState(t *testing.T) machine.State {
	at, c, s := machine.At{Time: machinetest.Dawn}, tokensOf(0, 0, machinetest.Dawn), refreshingState(t)
	return mustStep(t, s, machine.RefreshSucceeded{At: at, Attempt: 1, Credential: tokensOf(0, 1, machinetest.Dawn), Base: &c}, nil)
}

// everyEvent are all kinds of events that can come in a state, timely and late.
func everyEvent(s machine.State, now time.Time) []machine.Event {
	at := machine.At{Time: now}
	first, other := tokensOf(0, 0, machinetest.Dawn), tokensOf(1, 0, now)
	other.AccountID = "bob"
	bare, external, key := first, first, machine.Credential{Method: machine.MethodAPIKey, APIKey: secret.New("key")}
	bare.RefreshToken, external.Method = secret.Token{}, machine.MethodExternal
	events := []machine.Event{
		machine.Asked{At: at}, machine.Asked{At: at, Ask: machine.Ask{Refresh: true, Token: true}},
		machine.NothingLoaded{At: at}, machine.NothingLoaded{At: at, Blocked: evidence.BlockStoreUnavailable},
		machine.LoggedOut{At: at}, machine.Saved{At: at},
		machine.SaveFailed{At: at, NotBefore: now.Add(time.Second)},
		machine.TokenRejected{At: at, Access: s.Credential.AccessToken.Fingerprint()},
		machine.TokenRejected{At: at, Access: "another"},
		machine.CredentialLoaded{At: at, Credential: first, Verdict: &history.Verdict{TokenID: keyOf(first), Reason: history.ReasonReused}},
		machine.CredentialLoaded{At: at, Credential: other, Displaced: true},
		machine.CredentialLoaded{At: at, Credential: other, Displaced: true, Objection: &history.Objection{Why: evidence.BlockMisconfigured}},
	}
	for _, c := range []machine.Credential{first, other, bare, external, key} {
		events = append(events, machine.LoggedIn{At: at, Credential: c}, machine.CredentialLoaded{At: at, Credential: c})
	}
	if s.IsUnsaved() {
		events = append(events, machine.CredentialLoaded{At: at, Credential: *s.Base})
	}
	for _, attempt := range slices.Compact([]machine.AttemptID{s.Attempt, s.Attempts + 7}) {
		if attempt != 0 {
			events = append(events, everyOutcome(s, at, attempt)...)
		}
	}
	return events
}

func everyOutcome(s machine.State, at machine.At, attempt machine.AttemptID) []machine.Event {
	held, next := s.Credential, tokensOf(0, 1, at.Time)
	long := at.Time.Add(-24 * time.Hour) // before the answer
	verdict := history.Verdict{TokenID: keyOf(held), Access: held.AccessToken.Fingerprint(), Reason: history.ReasonReused}
	unexplained := verdict
	unexplained.Reason = history.ReasonUnexplained
	return []machine.Event{
		machine.RefreshSucceeded{At: at, Attempt: attempt, Credential: next},
		machine.RefreshSucceeded{At: at, Attempt: attempt, Credential: next, Base: &held},
		machine.RefreshSucceeded{At: at, Attempt: attempt, SentAt: long, Credential: tokensOf(0, 2, long)},
		machine.RefreshFailedTransient{At: at, Attempt: attempt, Posted: true, NotBefore: at.Time.Add(time.Minute)},
		machine.RefreshFailedTransient{At: at, Attempt: attempt, Blocked: evidence.BlockInDoubt},
		machine.RefreshFailedTransient{At: at, Attempt: attempt, Blocked: evidence.BlockOtherLoginStored, NotBefore: at.Time.Add(time.Minute)},
		machine.RefreshFailedPermanent{At: at, Attempt: attempt, Verdict: verdict},
		machine.RefreshFailedPermanent{At: at, Attempt: attempt, Verdict: unexplained},
		machine.RefreshObjected{At: at, Attempt: attempt, Objection: history.Objection{Why: evidence.BlockMisconfigured}},
		machine.RefreshObjected{At: at, Attempt: attempt, Objection: history.Objection{Why: evidence.BlockLoginNeeded}},
		machine.CredentialLoaded{At: at, Attempt: attempt, Credential: held},
		machine.CredentialLoaded{At: at, Attempt: attempt, Credential: tokensOf(2, 0, at.Time), Displaced: true, Dropped: &next},
		machine.LoggedOut{At: at, Attempt: attempt, Dropped: &next},
		machine.AnswerOverdue{At: at, Attempt: attempt, Until: at.Time.Add(time.Minute)},
	}
}

// mustStep is the state after an event, if nothing that is promised of a single
// step is broken.
func mustStep(t *testing.T, from machine.State, event machine.Event, story *line) machine.State {
	to, effects, err := machine.Step(from, event)
	broken := brokenBy(from, event, to, effects)
	if err != nil || len(broken) > 0 {
		t.Fatalf("%q %v in %s:\n%s", broken, err, from.Phase, story.tell())
	}
	return to
}

func brokenBy(from machine.State, event machine.Event, to machine.State, effects []machine.Effect) (broken []string) {
	demand := func(holds bool, promise string) {
		if !holds {
			broken = append(broken, promise)
		}
	}
	order := orderOf(effects)
	if _, transient := event.(machine.RefreshFailedTransient); transient {
		demand(to.Phase == from.Phase, "a transient failure never poisons")
	}
	if _, objected := event.(machine.RefreshObjected); objected {
		demand(to.Phase == from.Phase && len(to.Verdicts) == len(from.Verdicts), "an objection condemns no token")
		demand(to.Token().Equal(from.Token()), "and takes no access token away")
	}
	_, isLogin := event.(machine.LoggedIn)
	if from.Objected && !isLogin && to.Credential.Equal(from.Credential) && to.Phase == machine.Stale {
		demand(to.Attempt == 0 && to.Blocked == from.Blocked, "an objection stands until the login is another")
	}
	if strings.Contains(order, "StartRefresh") {
		demand(!from.Objected || !to.Credential.Equal(from.Credential), "no refresh starts that the issuer objects to")
		demand(to.Phase == machine.Stale && from.Attempt == 0, "only Stale spends, and one at a time")
		_, isRejection := event.(machine.TokenRejected)
		demand(to.Credential.Method != machine.MethodExternal || isRejection, "the client refreshes its own tokens, when they are refused")
		demand(!from.NotBefore.After(to.LastAttempt) || to.Rejected && !from.SparesIssuer, "not before the backoff is over")
	}
	demandAssessment(event, from, to, demand)
	if to.Phase == machine.Poisoned {
		demand(to.Token().IsAbsent() && to.Method() != "", "Poisoned hands out no token and keeps the method")
	}
	if from.Phase == machine.Poisoned && to.Phase != machine.Poisoned {
		// A login is believed if the verdict was found with another access token.
		verdict, _ := from.Verdict()
		isBelieved := isLogin && verdict.Access != from.Credential.AccessToken.Fingerprint()
		demand(isBelieved || !to.Credential.Equal(from.Credential), "poison clears only for another credential")
	}
	if loaded, ok := event.(machine.CredentialLoaded); ok && from.IsUnsaved() && loaded.Credential.Equal(*from.Base) && loaded.Attempt == 0 {
		demand(to.Credential.Equal(from.Credential), "what an unsaved login was made from does not displace it")
	}
	if to.Phase != from.Phase {
		demand(strings.Contains(order, "Publish Notify") || strings.Contains(order, "Publish StartRefresh Notify"),
			"a change is published, and then told: "+order)
	}
	for _, effect := range effects {
		revoke, isRevoke := effect.(machine.Revoke)
		demand(!isRevoke || !to.Policy.SharesAccount(to.Credential, revoke.Credential), "a revocation ends no login in use")
	}
	demand(to.Credential.Method != machine.MethodAPIKey || to.Attempt == 0, "a key is never refreshed")
	return broken
}

// demandAssessment holds what is promised of every assessment, at the time of the
// event and at that of its own next attempt.
func demandAssessment(event machine.Event, from, to machine.State, demand func(holds bool, promise string)) {
	at := timeOf(event)
	for range 2 {
		a := to.Assess(at)
		isExpired := !to.Expiry.IsZero() && !at.Before(to.Expiry)
		demand(a.Action != machine.ActionWait || a.NextAttemptAt.After(at) || to.Attempt != 0, "a wait has a time that is not over")
		demand(a.NextAttemptAt.IsZero() || to.Phase == machine.Stale, "only Stale tries again")
		demand(!a.Usable || !isExpired, "a token that has expired is called usable nowhere")
		demand(a.Usable == (!isExpired && !to.Token().IsEmpty()), "a token that is there and has not expired is usable")
		demand((a.Action == machine.ActionLogin) == (to.Phase == machine.Poisoned || to.Phase == machine.NoAuth && to.Blocked == "" ||
			to.Blocked == evidence.BlockLoginNeeded && !to.IsUnsaved()) ||
			to.Credential.Method == machine.MethodExternal, "what a login ends is said to need one")
		handed := to.TokenAt(at)
		isOutOfReach := to.Credential.Method == machine.MethodExternal ||
			to.Phase == machine.Stale && to.Blocked != "" && to.Blocked != evidence.BlockOtherLoginStored && to.Blocked != evidence.BlockStoreNotDurable
		demand(handed.IsEmpty() || !isExpired || isOutOfReach, "an expired token is handed out only while there can be no other")
		if a.Action != machine.ActionWait {
			return
		}
		at = a.NextAttemptAt
	}
	demand(to.Attempt != 0 || to.Assess(at).Action != machine.ActionWait, "something changes when the wait is over")
}

func timeOf(event machine.Event) time.Time {
	return reflect.ValueOf(event).FieldByName("Time").Interface().(time.Time)
}

// orderOf are the names of effects.
func orderOf(effects []machine.Effect) string {
	var names []string
	for _, each := range effects {
		names = append(names, nameOfKind(each))
	}
	return strings.Join(names, " ")
}

// The login in use may be one that came back while its first refresh was in
// flight. What the issuer says to that refresh is then about the next one too.
func TestLateVerdictPoisonsTheLoginInUse(t *testing.T) {
	at, c := machine.At{Time: machinetest.Dawn.Add(time.Hour)}, tokensOf(0, 0, machinetest.Dawn)
	s := machine.New(propertytest.Policy)
	for _, event := range []machine.Event{
		machine.LoggedIn{At: at, Credential: c}, machine.Asked{At: at}, // the first refresh
		machine.CredentialLoaded{At: at, Credential: tokensOf(1, 0, machinetest.Dawn)},
		machine.CredentialLoaded{At: at, Credential: c}, machine.Asked{At: at}, // the second one
		machine.RefreshFailedPermanent{At: at, Attempt: 1, Verdict: history.Verdict{TokenID: keyOf(c), Reason: history.ReasonUnexplained}},
	} {
		s = mustStep(t, s, event, nil)
	}
	require.Equal(t, machine.Poisoned, s.Phase)
	require.Zero(t, s.Attempt)
}

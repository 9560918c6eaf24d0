package states

import (
	"encoding/base64"
	"fmt"
	"time"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/evidence"
	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/machine/secret"
)

// sample is one way into a row of the table: running Step on it shows what
// the machine really orders there.
type sample struct {
	state machine.State
	event machine.Event
}

// cell is a place in the table.
type cell struct {
	trigger machine.Trigger
	from    machine.Phase
}

// samples finds a way into every row it can, by trying typical events in
// typical states. The first one found stands for its cell.
func samples() map[cell]sample {
	found := map[cell]sample{}
	for _, state := range typicalStates() {
		for _, event := range typicalEvents(state) {
			at := cell{machine.TriggerOf(state, event), state.Phase}
			if _, taken := found[at]; !taken {
				found[at] = sample{state, event}
			}
		}
	}
	return found
}

// noon is when the samples happen; nothing depends on which day it is.
var noon = time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)

func at(after time.Duration) machine.At { return machine.At{Time: noon.Add(after)} }

var policy = machine.Policy{Issuer: machine.Issuer{TokenEndpoint: "https://issuer.example/token", ClientID: "client"}}

// tokens is a token set whose access token expires some time after noon.
func tokens(name string, expires time.Duration) machine.Credential {
	payload := fmt.Sprintf(`{"exp":%d,"jti":%q}`, noon.Add(expires).Unix(), name)
	return machine.Credential{
		Method:       machine.MethodChatGPT,
		AccessToken:  secret.New("e30." + base64.RawURLEncoding.EncodeToString([]byte(payload)) + ".c2ln"),
		RefreshToken: secret.New("refresh-" + name),
		AccountID:    "account", LastRefresh: noon,
	}
}

var key = machine.Credential{Method: machine.MethodAPIKey, APIKey: secret.New("key")}

func verdictOn(c machine.Credential) history.Verdict {
	return history.Verdict{
		TokenID: policy.TokenID(c), Access: c.AccessToken.Fingerprint(),
		Reason: history.ReasonReused, At: noon,
	}
}

// after is the state that a row of events leads to; a sample that the machine
// refuses is a mistake in this file.
func after(state machine.State, events ...machine.Event) machine.State {
	for _, event := range events {
		next, _, err := machine.Step(state, event)
		if err != nil {
			panic(err)
		}
		state = next
	}
	return state
}

var demand = machine.Asked{At: at(0), Ask: machine.Ask{Refresh: true}}

func typicalStates() []machine.State {
	nobody := machine.New(policy)
	good := tokens("first", time.Hour)
	fresh := after(nobody, machine.LoggedIn{At: at(0), Credential: good})
	refreshing := after(fresh, demand)
	condemned := after(nobody, machine.CredentialLoaded{
		At: at(0), Credential: tokens("second", time.Hour),
		Verdict: &history.Verdict{TokenID: verdictOn(tokens("second", 0)).TokenID, Reason: history.ReasonReused},
	})
	unsaved := machine.RefreshSucceeded{At: at(0), Attempt: refreshing.Attempt, Credential: tokens("unsaved", time.Hour), Base: &good}
	deferred := machine.RefreshFailedTransient{At: at(0), Attempt: refreshing.Attempt, Posted: true}
	astray := machine.RefreshFailedTransient{
		At: at(0), Attempt: refreshing.Attempt, NotBefore: noon.Add(time.Minute), Blocked: evidence.BlockOtherLoginStored,
	}
	staleUnsaved := after(refreshing, unsaved, demand)
	staleUnsaved = after(staleUnsaved, machine.RefreshFailedTransient{
		At: at(0), Attempt: staleUnsaved.Attempt, NotBefore: noon.Add(time.Minute), Posted: true,
	})
	doubted := verdictOn(staleUnsaved.Credential)
	doubted.Reason = history.ReasonUnexplained
	again := after(staleUnsaved, machine.Asked{At: at(2 * time.Minute), Ask: machine.Ask{Refresh: true}})
	poisonedUnsaved := after(again, machine.RefreshFailedPermanent{At: at(2 * time.Minute), Attempt: again.Attempt, Verdict: doubted})
	return []machine.State{
		nobody,
		after(nobody, machine.LoggedIn{At: at(0), Credential: key}),
		fresh, condemned, after(refreshing, unsaved),
		refreshing, after(refreshing, deferred), staleUnsaved, after(refreshing, astray),
		after(refreshing, machine.RefreshFailedPermanent{At: at(0), Attempt: refreshing.Attempt, Verdict: verdictOn(good)}),
		poisonedUnsaved,
	}
}

func typicalEvents(state machine.State) []machine.Event {
	verdict := verdictOn(state.Credential)
	dead := tokens("dead", time.Hour)
	deadVerdict := verdictOn(dead)
	late := state.Attempt + 1
	return []machine.Event{
		machine.LoggedOut{At: at(0)},
		machine.LoggedIn{At: at(0), Credential: key},
		machine.LoggedIn{At: at(0), Credential: tokens("new", time.Hour)},
		machine.LoggedIn{At: at(0), Credential: tokens("old", -time.Hour)},
		machine.CredentialLoaded{At: at(0), Credential: dead, Verdict: &deadVerdict, Displaced: true},
		machine.Asked{At: at(2 * time.Hour), Ask: machine.Ask{Token: true}},
		demand,
		machine.TokenRejected{At: at(0), Access: state.Credential.AccessToken.Fingerprint()},
		machine.RefreshSucceeded{At: at(0), Attempt: state.Attempt, Credential: tokens("next", time.Hour)},
		machine.RefreshSucceeded{At: at(2 * time.Minute), SentAt: noon, Attempt: state.Attempt, Credential: tokens("slow", time.Minute)},
		machine.RefreshFailedTransient{At: at(0), Attempt: state.Attempt, NotBefore: noon.Add(time.Minute), Posted: true},
		machine.RefreshFailedPermanent{At: at(0), Attempt: state.Attempt, Verdict: verdict},
		machine.AnswerOverdue{At: at(0), Attempt: state.Attempt, Until: noon.Add(time.Minute)},
		machine.Asked{At: at(0), Ask: machine.Ask{Token: true}},
		machine.CredentialLoaded{At: at(0), Credential: state.Credential},
		machine.TokenRejected{At: at(0), Access: "another"},
		machine.NothingLoaded{At: at(0)},
		machine.NothingLoaded{At: at(0), Blocked: evidence.BlockStoreUnavailable},
		machine.RefreshFailedTransient{At: at(0), Attempt: late},
		machine.Saved{At: at(0)},
		machine.SaveFailed{At: at(0), NotBefore: noon.Add(time.Minute)},
	}
}

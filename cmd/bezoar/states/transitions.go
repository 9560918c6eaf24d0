package states

import (
	"cmp"
	"encoding/base64"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/evidence"
	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/machine/secret"
)

// transition is one row of the page: a trigger in one state.
type transition struct {
	trigger  machine.Trigger
	from, to machine.Phase
	effects  []string // what Step orders in every sample
	also     []string // what it orders in some samples
	why      string
}

// runTable runs the machine in each cell of its table. It returns an error for a cell
// that no sample leads into: the table promises something that cannot happen, or a
// sample is missing.
func runTable() ([]transition, error) {
	all, ways := transitions(), samples()
	for i, each := range all {
		ways := ways[cell{each.trigger, each.from}]
		if len(ways) == 0 {
			return nil, fmt.Errorf("no sample for %s in %s", each.trigger, each.from)
		}
		if err := all[i].run(ways); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// transitions are the cells of the table, without effects.
func transitions() []transition {
	var all []transition
	for _, row := range machine.Table() {
		for _, from := range row.From {
			all = append(all, transition{
				trigger: row.Trigger, from: from, to: row.To, why: row.Why,
			})
		}
	}
	return all
}

// run runs the samples of a cell, of which there is at least one.
func (t *transition) run(ways []sample) error {
	times, orders := map[string]int{}, []string(nil) // in the order in which Step first gave them
	for _, way := range ways {
		next, effects, err := machine.Step(way.state, way.event)
		if err != nil {
			return fmt.Errorf("%s in %s: %w", t.trigger, t.from, err)
		}
		if next.Phase != t.to {
			return fmt.Errorf("%s in %s leads to %s and not to %s", t.trigger, t.from, next.Phase, t.to)
		}
		for _, effect := range effects {
			name := reflect.TypeOf(effect).Name()
			if times[name]++; times[name] == 1 {
				orders = append(orders, name)
			}
		}
	}
	for _, name := range orders {
		if times[name] == len(ways) {
			t.effects = append(t.effects, name)
		} else {
			t.also = append(t.also, name)
		}
	}
	return nil
}

// orders is what the page says of the effects: "Publish; also Notify".
func (t transition) orders() string {
	text := cmp.Or(strings.Join(t.effects, ", "), "–")
	if len(t.also) > 0 {
		text += "; also " + strings.Join(t.also, " or ")
	}
	return text
}

// posting are the states in which the machine ordered a refresh.
func posting(transitions []transition) []machine.Phase {
	var found []machine.Phase
	for _, each := range transitions {
		if slices.Contains(slices.Concat(each.effects, each.also), "StartRefresh") && !slices.Contains(found, each.to) {
			found = append(found, each.to)
		}
	}
	return found
}

// sameState stands for the state that a quiet row came from.
const sameState = "(same)"

// merged makes one row of those that differ only in where they come from.
func merged(all []transition) []transition {
	var rows []transition
	for _, each := range all {
		if each.from == each.to && quiet(each.trigger) {
			each.to = sameState
		}
		if last := len(rows) - 1; last >= 0 && rows[last].continues(each) {
			rows[last].from += ", " + each.from
			continue
		}
		rows = append(rows, each)
	}
	return rows
}

// continues reports whether other is the same row from another state.
func (t transition) continues(other transition) bool {
	return t.trigger == other.trigger && t.to == other.to && t.orders() == other.orders()
}

func quiet(trigger machine.Trigger) bool {
	return slices.ContainsFunc(machine.Table(), func(row machine.Row) bool {
		return row.Quiet && row.Trigger == trigger
	})
}

// sample is one way into a row of the table: running Step on it shows what the machine
// orders there.
type sample struct {
	state machine.State
	event machine.Event
}

// cell is a place in the table.
type cell struct {
	trigger machine.Trigger
	from    machine.Phase
}

// samples finds ways into the rows of the table: it tries typical events in typical
// states.
func samples() map[cell][]sample {
	found := map[cell][]sample{}
	for _, each := range typicalSamples() {
		in := cell{machine.TriggerOf(each.state, each.event), each.state.Phase}
		found[in] = append(found[in], each)
	}
	return found
}

func typicalSamples() []sample {
	var all []sample
	for _, state := range typicalStates() {
		for _, event := range typicalEvents(state) {
			all = append(all, sample{state, event})
		}
	}
	return all
}

// noon is when the samples happen; nothing depends on which day it is.
var noon = time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)

func at(after time.Duration) machine.At { return machine.At{Time: noon.Add(after)} }

var policy = machine.Policy{Issuer: machine.Issuer{TokenEndpoint: "https://issuer.example/token", ClientID: "client"}}

// tokens is a token set whose access token expires some time after noon.
func tokens(name string, expires time.Duration) machine.Credential {
	payload := fmt.Sprintf(`{"exp":%d,"jti":%q}`, noon.Add(expires).Unix(), name)
	return machine.Credential{
		Method:       machine.MethodTokens,
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

// after is the state that events lead to. An event that the machine refuses is a mistake
// in this file.
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
	noAuth, good := machine.New(policy), tokens("first", time.Hour)
	fresh := after(noAuth, machine.LoggedIn{At: at(0), Credential: good})
	refreshing := after(fresh, demand)
	condemned := after(noAuth, machine.CredentialLoaded{
		At: at(0), Credential: tokens("second", time.Hour),
		Verdict: &history.Verdict{TokenID: verdictOn(tokens("second", 0)).TokenID, Reason: history.ReasonReused},
	})
	unsaved := machine.RefreshSucceeded{At: at(0), Attempt: refreshing.Attempt, Credential: tokens("unsaved", time.Hour), Base: &good}
	deferred := machine.RefreshFailedTransient{At: at(0), Attempt: refreshing.Attempt, Posted: true}
	astray := machine.RefreshFailedTransient{
		At: at(0), Attempt: refreshing.Attempt, NotBefore: noon.Add(time.Minute), Blocked: evidence.BlockOtherLoginStored,
	}
	objected := machine.CredentialLoaded{At: at(0), Credential: good, Objection: &history.Objection{Why: evidence.BlockMisconfigured}}
	staleUnsaved := after(refreshing, unsaved, demand)
	staleUnsaved = after(staleUnsaved, machine.RefreshFailedTransient{
		At: at(0), Attempt: staleUnsaved.Attempt, NotBefore: noon.Add(time.Minute), Posted: true,
	})
	doubted := verdictOn(staleUnsaved.Credential)
	doubted.Reason = history.ReasonUnexplained
	again := after(staleUnsaved, machine.Asked{At: at(2 * time.Minute), Ask: machine.Ask{Refresh: true}})
	poisonedUnsaved := after(again, machine.RefreshFailedPermanent{At: at(2 * time.Minute), Attempt: again.Attempt, Verdict: doubted})
	return []machine.State{
		noAuth,
		after(noAuth, machine.LoggedIn{At: at(0), Credential: key}),
		fresh, condemned, after(refreshing, unsaved), after(noAuth, objected),
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
		machine.RefreshObjected{At: at(0), Attempt: state.Attempt, Objection: history.Objection{Why: evidence.BlockMisconfigured}},
		machine.RefreshObjected{At: at(0), Attempt: state.Attempt, Objection: history.Objection{Why: evidence.BlockLoginNeeded}},
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

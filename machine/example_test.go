package machine_test

import (
	"fmt"
	"reflect"
	"time"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/machine/machinetest"
	"github.com/bezoar-auth/bezoar/machine/secret"
)

// A login whose refresh token the issuer refuses: the client that asks again causes a
// look at the store, and no second refresh.
func Example() {
	at := func(after time.Duration) machine.At { return machine.At{Time: machinetest.Dawn.Add(after)} }
	policy := machine.Policy{Issuer: machine.Issuer{TokenEndpoint: "https://issuer.example/token", ClientID: "client"}}
	login := machine.Credential{
		Method:      machine.MethodTokens,
		AccessToken: machinetest.Expiring("user", machinetest.Dawn.Add(time.Hour)), RefreshToken: secret.New("refresh"),
		LastRefresh: machinetest.Dawn,
	}

	state := machine.New(policy)
	step := func(event machine.Event) {
		next, effects, err := machine.Step(state, event)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("%s: %s -> %s", reflect.TypeOf(event).Name(), state.Phase, next.Phase)
		for _, effect := range effects {
			fmt.Printf(" %s", reflect.TypeOf(effect).Name())
		}
		fmt.Println()
		state = next
	}

	step(machine.LoggedIn{At: at(0), Credential: login})
	step(machine.Asked{At: at(58 * time.Minute), Ask: machine.Ask{Token: true}})
	step(machine.RefreshFailedPermanent{At: at(58 * time.Minute), Attempt: state.Attempt, Verdict: history.Verdict{
		TokenID: policy.TokenID(login), Reason: history.ReasonRevoked,
	}})
	step(machine.Asked{At: at(59 * time.Minute), Ask: machine.Ask{Token: true}})
	fmt.Println(state.Assess(at(59 * time.Minute).Time).Action)
	// Output:
	// LoggedIn: NoAuth -> Fresh Publish Notify
	// Asked: Fresh -> Stale Publish Notify StartRefresh
	// RefreshFailedPermanent: Stale -> Poisoned Publish Notify
	// Asked: Poisoned -> Poisoned LookInStore
	// login
}

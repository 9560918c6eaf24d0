package properties_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/endpoint"
	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/machine/machinetest"
	"github.com/bezoar-auth/bezoar/machine/secret"
)

// A poisoned state never issues another network refresh: the sentence that bezoar
// was written for.
//
// rapid runs the function below a hundred times and draws another story each time.
// In each, an issuer refuses the refresh token of a login for good, which poisons the
// login. Then things happen in a random order, and no order for a post may come of
// them. If one does, rapid shortens the story and prints the shortest one it found.
//
// The story ends with another login, which is refreshed as ever: poison belongs to a
// token, and not to the program.
func TestPoisonedNeverIssuesAnotherRefresh(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		state, now, posts := machine.New(machine.Policy{}), machinetest.Dawn, 0
		happens := func(event machine.Event) {
			next, orders, err := machine.Step(state, event)
			require.NoError(t, err)
			for _, order := range orders {
				if _, ok := order.(machine.StartRefresh); ok {
					posts++
				}
			}
			state = next
		}
		at := func() machine.At { return machine.At{Time: now} }
		login := func(access, refresh string) machine.Credential {
			response := endpoint.TokenResponse{AccessToken: secret.New(access), RefreshToken: secret.New(refresh)}
			return machinetest.Login("account", response, now)
		}

		dead := login("access 1", "refresh 1")
		happens(machine.LoggedIn{At: at(), Credential: dead})
		happens(machine.Asked{At: at(), Ask: machine.Ask{Refresh: true}})
		require.Equal(t, 1, posts, "a login that lives is refreshed when a client demands it")
		happens(machine.RefreshFailedPermanent{At: at(), Attempt: state.Attempt, Verdict: history.Verdict{
			TokenID: state.Policy.TokenID(dead), Access: dead.AccessToken.Fingerprint(), Reason: history.ReasonReused,
		}})

		for range rapid.IntRange(1, 30).Draw(t, "how much happens") {
			now = now.Add(rapid.SampledFrom([]time.Duration{0, time.Second, time.Hour, 9 * 24 * time.Hour}).Draw(t, "time passes"))
			switch rapid.SampledFrom([]string{"ask", "401", "same file", "old copy", "no file", "late answer"}).Draw(t, "what happens") {
			case "ask":
				happens(machine.Asked{At: at(), Ask: machine.Ask{Refresh: rapid.Bool().Draw(t, "demands a refresh"), Token: true}})
			case "401":
				happens(machine.TokenRejected{At: at(), Access: state.Credential.AccessToken.Fingerprint()})
			case "same file":
				happens(machine.CredentialLoaded{At: at(), Credential: state.Credential})
			case "old copy": // another access token beside the dead refresh token
				happens(machine.CredentialLoaded{At: at(), Credential: login("access 0", "refresh 1")})
			case "no file":
				happens(machine.NothingLoaded{At: at()})
			case "late answer":
				happens(machine.RefreshFailedTransient{At: at(), Attempt: 1})
			}
			require.Equal(t, 1, posts, "the refused token is posted again")
		}

		happens(machine.LoggedIn{At: at(), Credential: login("access 2", "refresh 2")})
		happens(machine.Asked{At: at(), Ask: machine.Ask{Refresh: true}})
		require.Equal(t, 2, posts, "another login is refreshed again")
	})
}

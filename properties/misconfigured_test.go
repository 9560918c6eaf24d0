package properties_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/endpoint"
	"github.com/bezoar-auth/bezoar/machine/evidence"
	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/machine/machinetest"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/store/journal"
)

// A misconfiguration never condemns a token, and is posted at most once for each token
// and profile, however many processes there are and however often clients ask.
//
// In each story an issuer takes no request from the client of two profiles. Processes
// with these profiles ask, are started again and meet with 401s in a random order. Then
// a person mends the profile, and the login goes on with the refresh token that it had.
func TestMisconfiguredIsPostedOnceForEachTokenAndProfile(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := &homeOfWrongProfiles{t: t, now: machinetest.Dawn, posts: map[string]int{}}
		w.stored = w.login("access 1", "refresh 1")
		processes := []*machine.State{w.start("wrong"), w.start("wrong too"), w.start("wrong")}
		for range rapid.IntRange(1, 30).Draw(t, "how much happens") {
			w.now = w.now.Add(rapid.SampledFrom([]time.Duration{0, time.Second, time.Hour, 9 * 24 * time.Hour}).Draw(t, "time passes"))
			n := rapid.IntRange(0, len(processes)-1).Draw(t, "process")
			switch rapid.SampledFrom([]string{"ask", "401", "same file", "start"}).Draw(t, "what happens") {
			case "ask":
				ask := machine.Ask{Refresh: rapid.Bool().Draw(t, "demands a refresh"), Token: true}
				w.happens(processes[n], machine.Asked{At: w.at(), Ask: ask})
			case "401":
				w.happens(processes[n], machine.TokenRejected{At: w.at(), Access: processes[n].Credential.AccessToken.Fingerprint()})
			case "same file":
				w.happens(processes[n], processes[n].Loaded(w.known, w.stored, w.now))
			case "start":
				processes[n] = w.start(processes[n].Policy.Profile)
			}
			for _, process := range processes {
				require.NotEqual(t, machine.Poisoned, process.Phase, "the token is condemned")
			}
			for of, times := range w.posts {
				require.Equal(t, 1, times, "%s is posted again", of)
			}
		}
		require.Empty(t, w.known.Verdicts)

		mended := w.start("right")
		w.happens(mended, machine.Asked{At: w.at(), Ask: machine.Ask{Refresh: true}})
		require.Equal(t, machine.Fresh, mended.Phase)
		require.Equal(t, "access 2", mended.Token().Reveal())
	})
}

// homeOfWrongProfiles is a store with its ledger, and the issuer of its login.
type homeOfWrongProfiles struct {
	t      *rapid.T
	now    time.Time
	stored machine.Credential
	known  history.TokenHistory
	posts  map[string]int // by refresh token and profile
}

func (w *homeOfWrongProfiles) at() machine.At { return machine.At{Time: w.now} }

func (w *homeOfWrongProfiles) login(access, refresh string) machine.Credential {
	return machinetest.Login("account", endpoint.TokenResponse{AccessToken: secret.New(access), RefreshToken: secret.New(refresh)}, w.now)
}

func (w *homeOfWrongProfiles) start(profile string) *machine.State {
	state := machine.New(machine.Policy{Profile: profile})
	w.happens(&state, state.Loaded(w.known, w.stored, w.now))
	return &state
}

// happens runs an event, and the refresh that it orders.
func (w *homeOfWrongProfiles) happens(state *machine.State, event machine.Event) {
	next, orders, err := machine.Step(*state, event)
	require.NoError(w.t, err)
	*state = next
	for _, order := range orders {
		if _, ok := order.(machine.StartRefresh); ok {
			w.happens(state, w.refresh(*state))
		}
	}
}

func (w *homeOfWrongProfiles) refresh(state machine.State) machine.Event {
	if end := state.Preflight(machine.Stored{Credential: &w.stored, History: w.known}, w.now); end != nil {
		return end
	}
	profile, id := state.Policy.Profile, state.Policy.TokenID(state.Credential)
	w.posts[state.Credential.RefreshToken.Reveal()+" under "+profile]++
	if profile == "right" {
		w.stored = w.login("access 2", "refresh 2")
		return machine.RefreshSucceeded{At: w.at(), Attempt: state.Attempt, Credential: w.stored}
	}
	said := persist.Entry{Kind: persist.Deferred, At: w.now, TokenID: id, Profile: profile, Objection: evidence.BlockMisconfigured}
	w.known = journal.Replay(w.known, slices.Values([]persist.Entry{said}), state.Policy.Issuer.EndpointID())
	return machine.RefreshObjected{At: w.at(), Attempt: state.Attempt, Objection: history.Objection{
		TokenID: id, Profile: profile, Why: said.Objection, At: w.now,
	}}
}

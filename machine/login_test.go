package machine_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/machine/machinetest"
	"github.com/bezoar-auth/bezoar/machine/secret"
)

func keyLogin(key string) machine.Credential {
	return machine.Credential{Method: machine.MethodAPIKey, APIKey: secret.New(key)}
}

// bobs is a login of another account.
func bobs(refresh string) machine.Credential {
	c := login("", refresh)
	c.AccessToken, c.AccountID = machinetest.Expiring("bob", noon.Add(time.Hour)), "bob"
	return c
}

// made is the ledger that has this login as the last one that a user made.
func made(c machine.Credential) history.TokenHistory {
	return history.TokenHistory{LastLogin: history.Login{TokenID: policy.TokenID(c), Access: c.Fingerprint(), At: noon}}
}

// inUse is a machine that has taken up a login which it found.
func inUse(t *testing.T, c machine.Credential) machine.State {
	s := machine.New(policy)
	return runFrom(t, s, s.Loaded(history.TokenHistory{}, c, noon))
}

// looking is the login in use after a look.
func looking(t *testing.T, s machine.State, h history.TokenHistory, found machine.Credential) machine.Credential {
	next, effects, err := machine.Step(s, s.Loaded(h, found, noon))
	require.NoError(t, err)
	require.NotContains(t, effects, machine.Effect(machine.Revoke{Credential: s.Credential}))
	return next.Credential
}

func TestALaterLoginIsTakenUpWhateverIsInUse(t *testing.T) {
	published := expiring("", time.Hour)
	published.Method = machine.MethodExternal
	for name, held := range map[string]machine.Credential{
		"a key": keyLogin("k"), "another account": expiring("r", time.Hour), "followed tokens": published,
	} {
		for of, found := range map[string]machine.Credential{"tokens": bobs("b"), "a key": keyLogin("k2")} {
			s := inUse(t, held)
			require.True(t, looking(t, s, made(found), found).Equal(found), "%s over %s", of, name)
			if found.Method == machine.MethodTokens || held.Method == machine.MethodAPIKey {
				require.True(t, looking(t, s, history.TokenHistory{}, found).Equal(held), "a stranger's %s over %s", of, name)
				require.True(t, looking(t, s, made(held), found).Equal(held), "ours is the last: %s over %s", of, name)
			}
		}
	}
}

func TestALaterLoginIsKnownAfterRefreshes(t *testing.T) {
	first, now := bobs("b"), bobs("b3")
	h := made(first)
	h.Successions = []history.Succession{{TokenID: policy.TokenID(first), Next: "b2"}, {TokenID: "b2", Next: policy.TokenID(now)}}
	h.Verdicts = []history.Verdict{verdict(first, history.ReasonSpent)}
	s := inUse(t, keyLogin("k"))
	require.True(t, looking(t, s, h, now).Equal(now))
	require.True(t, looking(t, s, h, first).Equal(s.Credential), "a file from a backup")
}

func TestALaterLoginThatWasRefusedIsDead(t *testing.T) {
	found := bobs("b")
	h := made(found)
	h.Verdicts = []history.Verdict{verdict(found, history.ReasonRevoked)}
	s := inUse(t, keyLogin("k"))
	require.Equal(t, machine.Poisoned, runFrom(t, s, s.Loaded(h, found, noon)).Phase, "the user has left the key")
	mine := inUse(t, expiring("r", time.Hour))
	found.AccountID = mine.Credential.AccountID
	h = made(found)
	h.Verdicts = []history.Verdict{verdict(found, history.ReasonRevoked)}
	require.True(t, looking(t, mine, h, found).Equal(mine.Credential), "of one account the living one is worth more")
}

func TestALoginBeforeTheOneInUseIsAnyLogin(t *testing.T) {
	old, ours := bobs("b"), expiring("r", time.Hour)
	s := machine.New(policy)
	s = runFrom(t, s, s.Loaded(made(old), ours, noon)) // another program stored it after that login
	require.True(t, looking(t, s, made(old), old).Equal(ours), "a file from a backup")
	again := made(old)
	again.LastLogin.At = noon.Add(time.Second)
	require.True(t, looking(t, s, again, old).Equal(old), "the same login, made anew")
}

func TestALoginOverWhichALogoutCameIsNotLater(t *testing.T) {
	found := bobs("b")
	s := inUse(t, keyLogin("k"))
	out := made(found)
	out.LoggedOut = true
	require.True(t, looking(t, s, out, found).Equal(s.Credential))
	ended := made(found)
	ended.Ended = []history.Ending{{TokenID: policy.TokenID(found)}}
	require.True(t, looking(t, s, ended, found).Equal(s.Credential))
}

func TestAfterALogoutElsewhereWhatIsStoredIsTaken(t *testing.T) {
	stranger, dead := bobs("s"), expiring("dead", time.Hour)
	for name, held := range map[string]machine.Credential{"a key": keyLogin("k"), "tokens": expiring("r", time.Hour)} {
		s := inUse(t, held)
		h := history.TokenHistory{Ended: []history.Ending{{TokenID: policy.TokenID(held)}}}
		if held.Method == machine.MethodAPIKey {
			h.Ended[0].TokenID = held.Fingerprint()
		}
		require.True(t, s.IsEnded(h), name)
		require.True(t, looking(t, s, h, stranger).Equal(stranger), name)
		require.True(t, looking(t, s, h, held).Equal(held), "it is still there, or again")
		h.Verdicts = []history.Verdict{verdict(dead, history.ReasonRevoked)}
		require.True(t, looking(t, s, h, dead).Equal(dead), name)
		h.Ended[0].Undone = true
		require.False(t, s.IsEnded(h), "the logout failed")
		require.True(t, looking(t, s, h, stranger).Equal(held), name)
	}
	require.False(t, machine.New(policy).IsEnded(history.TokenHistory{Ended: []history.Ending{{}}}))
}

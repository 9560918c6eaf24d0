package machine_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/secret"
)

// revokes returns the refresh tokens that an event gives up at the issuer.
func revokes(t *testing.T, state machine.State, event machine.Event) (tokens []secret.Fingerprint) {
	t.Helper()
	_, effects, err := machine.Step(state, event)
	require.NoError(t, err)
	for _, effect := range effects {
		if revoke, ok := effect.(machine.Revoke); ok {
			tokens = append(tokens, revoke.Credential.RefreshToken.Fingerprint())
		}
	}
	return tokens
}

func fingerprints(c machine.Credential) []secret.Fingerprint {
	return []secret.Fingerprint{c.RefreshToken.Fingerprint()}
}

func TestALogoutEndsTheLoginThatCanStillBeRefreshed(t *testing.T) {
	older, newer := login("a", "older"), login("b", "newer")
	newer.LastRefresh = older.LastRefresh.Add(time.Minute)
	key := machine.Credential{Method: machine.MethodAPIKey, APIKey: secret.New("key")}
	accessAlone, refreshAlone, empty := login("a", ""), login("", "r"), login("", "")
	accessAlone.RefreshToken, refreshAlone.AccessToken = secret.Token{}, secret.Token{}
	empty.RefreshToken, empty.AccessToken = secret.Token{}, secret.Token{}
	for name, each := range map[string]struct {
		held, removed machine.Credential
		want          []secret.Fingerprint
	}{
		"both the same":                      {older, older, fingerprints(older)},
		"a sister has refreshed":             {older, newer, fingerprints(newer)},
		"the one in memory is newer":         {newer, older, fingerprints(newer)},
		"nothing was stored":                 {older, machine.Credential{}, fingerprints(older)},
		"a key was stored":                   {older, key, fingerprints(older)},
		"a key is in use":                    {key, older, fingerprints(older)},
		"keys are never revoked":             {key, key, nil},
		"an access token is worth ending":    {accessAlone, accessAlone, fingerprints(accessAlone)},
		"so is a refresh token":              {refreshAlone, refreshAlone, fingerprints(refreshAlone)},
		"a token set without a token is not": {empty, empty, nil},
	} {
		state := run(t, machine.LoggedIn{At: at(0), Credential: each.held})
		require.Equal(t, each.want, revokes(t, state, machine.LoggedOut{At: at(0), Removed: &each.removed}), name)
	}
}

func TestLateTokensAreRevokedOnlyIfTheyAreNotStored(t *testing.T) {
	held, granted := login("a", "r"), login("a2", "r2")
	other := login("b", "s")
	other.AccountID = "another account"
	refreshing := run(t, machine.LoggedIn{At: at(0), Credential: held}, demand)
	replaced := runFrom(t, refreshing, machine.LoggedIn{At: at(0), Credential: other})
	saved := machine.RefreshSucceeded{At: at(0), Attempt: 1, Credential: granted}
	unsaved := saved
	unsaved.Base = &held
	require.Empty(t, revokes(t, refreshing, saved))
	require.Empty(t, revokes(t, refreshing, unsaved), "it is in use")
	require.Empty(t, revokes(t, replaced, saved), "it is stored, and another process may use it")
	require.Equal(t, fingerprints(granted), revokes(t, replaced, unsaved))
}

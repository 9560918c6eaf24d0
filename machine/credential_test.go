package machine_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/machinetest"
	"github.com/bezoar-auth/bezoar/machine/secret"
)

// named is a token that says whose it is.
func named(email, plan string) secret.Token {
	return machinetest.JWT(fmt.Sprintf(`{"email":%q,"plan":%q}`, email, plan))
}

func TestTheTokenThatCarriesTheClaimsSaysWhoseItIs(t *testing.T) {
	c := login("", "r")
	c.IDToken, c.AccessToken = named("ada@example.com", "plus"), named("bob@example.com", "pro")
	external := c
	external.Method = machine.MethodExternal
	told := external
	told.PlanType = "team"
	for name, each := range map[string]struct {
		credential machine.Credential
		want       machine.Account
	}{
		"of ours, the ID token":         {c, machine.Account{Email: "ada@example.com", PlanType: "plus"}},
		"of a client, the access token": {external, machine.Account{Email: "bob@example.com", PlanType: "pro"}},
		"a plan that a client told":     {told, machine.Account{Email: "bob@example.com", PlanType: "team"}},
	} {
		require.Equal(t, each.want, run(t, machine.LoggedIn{At: at(0), Credential: each.credential}).Account, name)
	}
}

func TestATokenSetHandsOutNothingThatIsIncomplete(t *testing.T) {
	undated, empty := login("a", "r"), login("", "r")
	undated.LastRefresh, empty.AccessToken = time.Time{}, secret.Token{}
	require.False(t, run(t, machine.LoggedIn{At: at(0), Credential: login("a", "r")}).Token().IsAbsent())
	for name, c := range map[string]machine.Credential{"never refreshed": undated, "no access token": empty} {
		state := run(t, machine.CredentialLoaded{At: at(0), Credential: c})
		require.True(t, state.Token().IsAbsent(), name)
		require.Empty(t, state.Method(), name)
	}
}

// A granted token set ages from its grant.
func TestAgeOfAGrant(t *testing.T) {
	opaque := login("opaque", "r2")
	opaque.LastRefresh = noon
	meant := func(from, to time.Duration) machine.Credential {
		c := login("", "r2")
		c.AccessToken = machinetest.JWT(fmt.Sprintf(`{"iat":%d,"exp":%d}`, noon.Add(from).Unix(), noon.Add(to).Unix()))
		return c
	}
	for name, each := range map[string]struct {
		granted machine.Credential
		due     time.Duration
	}{
		"an hour":              {expiring("r2", time.Hour), 55 * time.Minute},
		"less than the lead":   {expiring("r2", 100*time.Second), 80 * time.Second},
		"expired at its birth": {expiring("r2", -time.Hour), 5 * time.Minute},
		"not a moment":         {expiring("r2", 0), 5 * time.Minute},
		"slower than its life": {meant(-2*time.Second, -time.Second), time.Second},
		"meant to last":        {meant(-2*time.Hour, -time.Hour), 5 * time.Minute},
		"from the year 1970":   {meant(-noon.Sub(time.Unix(0, 0)), -time.Hour), 5 * time.Minute},
		"meant to be dead":     {meant(-time.Hour, -2*time.Hour), 5 * time.Minute},
		"of unknown lifetime":  {opaque, 8 * 24 * time.Hour},
	} {
		state := run(t, machine.LoggedIn{At: at(0), Credential: login("a", "r")}, demand,
			machine.RefreshSucceeded{At: at(0), Attempt: 1, Credential: each.granted})
		require.Equal(t, each.due, state.DueAt.Sub(noon), name)
	}
}

func TestARestrictionAdmitsWhatItNames(t *testing.T) {
	key := machine.Credential{Method: machine.MethodAPIKey, APIKey: secret.New("key")}
	ours := login("a", "r")
	external := ours
	external.Method = machine.MethodExternal
	for name, each := range map[string]struct {
		restriction machine.Restriction
		admits      []machine.Credential
	}{
		"none":                        {machine.Restriction{}, []machine.Credential{key, ours, external}},
		"no keys":                     {machine.Restriction{ForbidAPIKey: true}, []machine.Credential{ours, external}},
		"keys alone":                  {machine.Restriction{ForbidTokens: true}, []machine.Credential{key}},
		"keys alone, and a workspace": {machine.Restriction{ForbidTokens: true, Workspaces: []string{"account"}}, []machine.Credential{key}},
		"this workspace":              {machine.Restriction{Workspaces: []string{"other", "account"}}, []machine.Credential{key, ours, external}},
		"another workspace":           {machine.Restriction{Workspaces: []string{"other"}}, []machine.Credential{key}},
	} {
		var admitted []machine.Credential
		for _, c := range []machine.Credential{key, ours, external} {
			if (machine.Policy{Restriction: each.restriction}).Admits(c) {
				admitted = append(admitted, c)
			}
		}
		require.Equal(t, each.admits, admitted, name)
	}
}

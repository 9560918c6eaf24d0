package machine_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/machinetest"
	"github.com/bezoar-auth/bezoar/machine/secret"
)

func TestWhoseLoginItIsHasOneRule(t *testing.T) {
	of := func(account, claimed, access, refresh string) machine.Credential {
		c := login(access, refresh)
		c.AccountID = account
		c.IDToken = machinetest.JWT(`{"account":"` + claimed + `"}`)
		return c
	}
	ada := of("ada", "", "a", "r")
	external := ada
	external.Method = machine.MethodExternal
	key := machine.Credential{Method: machine.MethodAPIKey, APIKey: secret.New("k")}
	for name, each := range map[string]struct {
		one, other machine.Credential
		isSame     bool
	}{
		"one id":                     {ada, of("ada", "", "a2", "r2"), true},
		"two ids":                    {ada, of("bob", "", "a", "r"), false},
		"a stored id and a claim":    {ada, of("", "ada", "a2", "r2"), true},
		"two claims":                 {of("", "ada", "a", "r"), of("", "bob", "a", "r"), false},
		"what is stored goes first":  {of("ada", "bob", "a", "r"), of("", "ada", "a2", "r2"), true},
		"no id, one refresh token":   {of("", "", "a", "r"), of("", "", "a2", "r"), true},
		"no id, one access token":    {of("", "", "a", "r"), of("", "", "a", "r2"), true},
		"one id, one refresh token":  {ada, of("", "", "a2", "r"), true},
		"no id, nothing in common":   {of("", "", "a", "r"), of("", "", "a2", "r2"), false},
		"no id and no tokens":        {of("", "", "", ""), of("", "", "", ""), false},
		"the same in another method": {ada, external, false},
		"one key":                    {key, key, false},
	} {
		require.Equal(t, each.isSame, policy.SharesAccount(each.one, each.other), name)
		require.Equal(t, each.isSame, policy.SharesAccount(each.other, each.one), name)
	}
}

func TestASubjectIsOneOfItsIssuer(t *testing.T) {
	of := func(issuer, subject, made, refresh string) machine.Credential {
		c := login("a", refresh)
		c.AccountID, c.OwnerID = subject, made
		c.Provenance = machine.Provenance{Issuer: issuer, ClientID: "native", TokenEndpoint: issuer + "/token"}
		return c
	}
	unnamed := of("one", "ada", "1", "r")
	unnamed.Provenance.TokenEndpoint = ""
	client := of("one", "ada", "2", "r2")
	client.Provenance.ClientID = "other"
	for name, each := range map[string]struct {
		one, other machine.Credential
		isSame     bool
	}{
		"one subject":                        {of("one", "ada", "1", "r"), of("one", "ada", "2", "r2"), true},
		"one subject, another client":        {of("one", "ada", "1", "r"), client, true},
		"two subjects":                       {of("one", "ada", "1", "r"), of("one", "bob", "1", "r"), false},
		"one subject of two issuers":         {of("one", "ada", "1", "r"), of("two", "ada", "1", "r"), false},
		"no subject, one login":              {of("one", "", "1", "r"), of("one", "", "1", "r2"), true},
		"no subject, two logins, one token":  {of("one", "", "1", "r"), of("one", "", "2", "r"), false},
		"no subject, and no name of a login": {of("one", "", "", "r"), of("one", "", "", "r"), false},
		"a subject came with a refresh":      {of("one", "", "1", "r"), of("one", "ada", "1", "r2"), true},
		"a record that lost its endpoint":    {of("one", "ada", "1", "r"), unnamed, true},
	} {
		require.Equal(t, each.isSame, policy.SharesAccount(each.one, each.other), name)
		require.Equal(t, each.isSame, policy.SharesAccount(each.other, each.one), name)
	}
}

func TestTheAddressOfALoginIsAsItsIDTokenSaysItOrAsItsIssuerDid(t *testing.T) {
	c := login("a", "r")
	c.Granted.Email = "ada@example.com"
	require.Equal(t, "ada@example.com", run(t, machine.LoggedIn{At: at(0), Credential: c}).Account.Email)
	c.IDToken = machinetest.JWT(`{"email":"new@example.com"}`)
	require.Equal(t, "new@example.com", run(t, machine.LoggedIn{At: at(0), Credential: c}).Account.Email)
}

func TestALoginWithoutAnAccountIdIsRefreshedLikeAnyOther(t *testing.T) {
	nameless := expiring("r", -time.Minute)
	nameless.AccountID = ""
	require.Nil(t, refreshing(t, nameless).Preflight(machine.Stored{Credential: &nameless}, noon))
	restricted := policy
	restricted.Restriction.Workspaces = []string{"ada"}
	nameless.IDToken = machinetest.JWT(`{"account":"ada"}`)
	require.True(t, restricted.Admits(nameless))
}

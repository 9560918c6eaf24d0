package machine_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/secret"
)

var ours = machine.Issuer{TokenEndpoint: "https://issuer.example/oauth/token", ClientID: "app_ours"}

func TestARefreshTokenGoesToItsOwnEndpointUnderItsOwnClient(t *testing.T) {
	const override = "http://127.0.0.1:4000/oauth/token"
	elsewhere := machine.Provenance{Issuer: "https://auth.example.com", ClientID: "app_other"}
	for name, row := range map[string]struct {
		made       machine.Provenance
		overridden bool
		want       machine.Issuer
	}{
		"a login that does not say":         {machine.Provenance{}, false, ours},
		"one that was made elsewhere":       {elsewhere, false, machine.Issuer{TokenEndpoint: "https://auth.example.com/oauth/token", ClientID: "app_other"}},
		"a slash at the end":                {machine.Provenance{Issuer: "https://auth.example.com/t/", ClientID: "c"}, false, machine.Issuer{TokenEndpoint: "https://auth.example.com/t/oauth/token", ClientID: "c"}},
		"one that says where":               {machine.Provenance{Issuer: "https://id.example/", ClientID: "c", TokenEndpoint: "https://id.example/t"}, false, machine.Issuer{TokenEndpoint: "https://id.example/t", ClientID: "c"}},
		"an override beats the issuer only": {elsewhere, true, machine.Issuer{TokenEndpoint: override, ClientID: "app_other"}},
		"an override, and it does not say":  {machine.Provenance{}, true, machine.Issuer{TokenEndpoint: override, ClientID: "app_ours"}},
	} {
		t.Run(name, func(t *testing.T) {
			policy := machine.Policy{Issuer: ours, EndpointOverridden: row.overridden}
			if row.overridden {
				policy.Issuer.TokenEndpoint = override
			}
			require.Equal(t, row.want, policy.IssuerOf(machine.Credential{Provenance: row.made}))
		})
	}
}

// What an older build wrote down about a login is known to this one, and the
// other way round, as long as both ask the same issuer as the same client.
func TestALoginMadeAtTheDefaultIssuerHasTheKeyItAlwaysHad(t *testing.T) {
	policy := machine.Policy{Issuer: ours}
	silent := machine.Credential{RefreshToken: secret.New("r")}
	saying := silent
	saying.Provenance = machine.Provenance{Issuer: "https://issuer.example", ClientID: ours.ClientID}
	require.Equal(t, ours.TokenID(silent.RefreshToken), policy.TokenID(silent))
	require.Equal(t, policy.TokenID(silent), policy.TokenID(saying))

	saying.Provenance.ClientID = "app_other"
	require.NotEqual(t, policy.TokenID(silent), policy.TokenID(saying), "a verdict on one client's token says nothing of another's")
}

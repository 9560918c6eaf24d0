package issuer

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/cli"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/config"
	"github.com/bezoar-auth/bezoar/protocol/profile"
)

// examined is the report on an issuer whose metadata has these members, or lacks those that
// are nil. change makes the profile another one.
func examined(t *testing.T, members map[string]any, change func(*profile.Profile)) report {
	server := httptest.NewUnstartedServer(nil)
	server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		metadata := map[string]any{
			"issuer": server.URL, "authorization_endpoint": server.URL + "/a", "token_endpoint": server.URL + "/t",
			"revocation_endpoint": server.URL + "/r", "device_authorization_endpoint": server.URL + "/d",
			"scopes_supported": []string{"openid", "offline_access"}, "response_types_supported": []string{"code"},
			"grant_types_supported":                 []string{"authorization_code", "refresh_token", grantDevice},
			"token_endpoint_auth_methods_supported": []string{"none", "client_secret_basic"}, "code_challenge_methods_supported": []string{"plain", "S256"},
			"authorization_response_iss_parameter_supported": true,
		}
		for name, value := range members {
			if metadata[name] = value; value == nil {
				delete(metadata, name)
			}
		}
		_ = json.NewEncoder(w).Encode(metadata)
	})
	server.Start()
	t.Cleanup(server.Close)
	p := profile.Codex() // with the keys that do not matter here
	p.Name, p.Issuer, p.Discovery, p.Endpoints, p.DeviceFlow = "mine", server.URL, profile.DiscoveryAuto, profile.Endpoints{}, profile.DeviceAuto
	p.Scopes = []string{"openid", "offline_access"}
	if change != nil {
		change(&p)
	}
	return examine(t.Context(), cli.Environment{Getenv: func(string) string { return "" }}, config.Config{}, p)
}

func of(t *testing.T, r report, check string) cli.Finding {
	at := slices.IndexFunc(r.Checks, func(f cli.Finding) bool { return f.Check == check })
	require.GreaterOrEqual(t, at, 0, check)
	return r.Checks[at]
}

func TestIssuerWithAllThatIsNeededHasNoWarning(t *testing.T) {
	r := examined(t, nil, nil)
	for _, each := range r.Checks {
		require.Contains(t, []cli.Result{cli.ResultOK, cli.ResultSkip}, each.Result, each.Check)
	}
	require.False(t, r.fails())
	require.Len(t, r.Requests, 5)
	require.Contains(t, *r.Note, "bezoar login --issuer ")
}

func TestWhatAnIssuerLacksIsNamed(t *testing.T) {
	type m = map[string]any
	program, err := os.Executable() // one that is there
	require.NoError(t, err)
	for name, row := range map[string]struct {
		members m
		change  func(*profile.Profile)
		check   string
		want    cli.Result
	}{
		"no PKCE said":           {m{"code_challenge_methods_supported": nil}, nil, "pkce", cli.ResultWarn},
		"plain PKCE":             {m{"code_challenge_methods_supported": []string{"plain"}}, nil, "pkce", cli.ResultFail},
		"PAR":                    {m{"require_pushed_authorization_requests": true}, nil, "code", cli.ResultFail},
		"no codes":               {m{"response_types_supported": []string{"token"}}, nil, "code", cli.ResultFail},
		"no iss":                 {m{"authorization_response_iss_parameter_supported": nil}, nil, "iss", cli.ResultSkip},
		"no refresh tokens":      {m{"grant_types_supported": []string{"authorization_code"}}, nil, "refresh", cli.ResultWarn},
		"grants not said":        {m{"grant_types_supported": nil}, nil, "refresh", cli.ResultWarn},
		"an unknown scope":       {m{"scopes_supported": []string{"openid"}}, nil, "scopes", cli.ResultWarn},
		"scopes not said":        {m{"scopes_supported": nil}, nil, "scopes", cli.ResultOK},
		"offline access left":    {nil, func(p *profile.Profile) { p.Scopes = []string{"openid"} }, "scopes", cli.ResultWarn},
		"no revocation":          {m{"revocation_endpoint": nil}, nil, "revocation", cli.ResultWarn},
		"no device flow":         {m{"device_authorization_endpoint": nil}, nil, "device", cli.ResultSkip},
		"no device flow, wanted": {m{"device_authorization_endpoint": nil}, func(p *profile.Profile) { p.DeviceFlow = profile.DeviceRFC8628 }, "device", cli.ResultFail},
		"no browser login":       {m{"authorization_endpoint": nil}, nil, "authorization", cli.ResultWarn},
		"no login at all":        {m{"authorization_endpoint": nil, "device_authorization_endpoint": nil}, nil, "authorization", cli.ResultFail},
		"another issuer":         {m{"issuer": "https://evil.example"}, nil, "discovery", cli.ResultFail},
		"no public clients":      {m{"token_endpoint_auth_methods_supported": nil}, nil, "client", cli.ResultWarn},
		"another method":         {nil, func(p *profile.Profile) { p.AuthMethod, p.Secret.Command = profile.AuthPost, []string{program} }, "client", cli.ResultWarn},
		"no secret":              {nil, func(p *profile.Profile) { p.AuthMethod, p.Secret.Env = profile.AuthBasic, "NOT_SET" }, "client", cli.ResultFail},
		"no such program": {nil, func(p *profile.Profile) {
			p.AuthMethod, p.Secret.Command = profile.AuthBasic, []string{"no-such-program"}
		}, "client", cli.ResultFail},
		"a plain endpoint": {nil, func(p *profile.Profile) { p.Endpoints.Token = "http://id.example/token" }, "token", cli.ResultFail},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := examined(t, row.members, row.change)
			found := of(t, r, row.check)
			require.Equal(t, row.want, found.Result, found.Found)
			require.Equal(t, row.want == cli.ResultFail, r.fails())
			if row.want == cli.ResultFail {
				require.NotNil(t, found.Remedy, "what to do")
			}
			require.NotContains(t, found.Found, "NOT_SET", "a variable's name may be the secret, by mistake")
		})
	}
}

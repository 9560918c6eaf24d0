package oauth_test

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/endpoint"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/protocol/oauth"
)

// recorded is what a call of a client puts on the wire, to the byte.
func recorded(t *testing.T, o oauth.Options, call func(*oauth.Client)) string {
	var said strings.Builder
	o.Transport = transportFunc(func(request *http.Request) (*http.Response, error) {
		body, err := io.ReadAll(request.Body)
		require.NoError(t, err)
		fmt.Fprintf(&said, "%s %s\n", request.Method, request.URL)
		for _, name := range slices.Sorted(maps.Keys(request.Header)) {
			fmt.Fprintf(&said, "%s: %s\n", name, strings.Join(request.Header[name], ", "))
		}
		fmt.Fprintf(&said, "%d\n%s\n", request.ContentLength, body)
		return &http.Response{StatusCode: 503, Header: http.Header{}, Body: http.NoBody}, nil
	})
	call(oauth.New(o))
	return said.String()
}

// asCodex is a request with its headers.
func asCodex(address, kind, body string) string {
	const headers = "POST %s\nAccept: application/json\nAccept-Encoding: gzip\nContent-Type: application/%s\nOriginator: bezoar\nUser-Agent: bezoar\n%d\n%s\n"
	return fmt.Sprintf(headers, address, kind, len(body), body)
}

// What goes to Codex's issuer is the same to the byte in every build.
func TestWireOfCodexStaysAsItIs(t *testing.T) {
	const json, form, at, beside = "json", "x-www-form-urlencoded", "https://auth.example/x/token?y=1", "https://auth.example/oauth/revoke"
	const quoted, escaped = `"a+b/c=\u0026\u003c\"é%"`, "a%2Bb%2Fc%3D%26%3C%22%C3%A9%25"
	token, ctx := secret.New(`a+b/c=&<"é%`), t.Context()
	its := machine.Issuer{TokenEndpoint: at, ClientID: "app_{code}"}
	for want, call := range map[string]func(*oauth.Client){
		asCodex(at, json, `{"client_id":"app_{code}","grant_type":"refresh_token","refresh_token":`+quoted+`,"refresh_reason":"unauthorized_recovery"}`): func(c *oauth.Client) {
			c.Refresh(ctx, its, token, endpoint.CauseRejected)
		},
		asCodex(at, json, `{"client_id":"app_{code}","grant_type":"refresh_token","refresh_token":`+quoted+`}`): func(c *oauth.Client) {
			c.Refresh(ctx, its, token, "")
		},
		asCodex(beside, json, `{"token":`+quoted+`,"token_type_hint":"refresh_token","client_id":"app_{code}"}`): func(c *oauth.Client) {
			_ = c.Revoke(ctx, its, machine.Credential{RefreshToken: token, AccessToken: secret.New("other")})
		},
		asCodex(beside, json, `{"token":`+quoted+`,"token_type_hint":"access_token"}`): func(c *oauth.Client) {
			_ = c.Revoke(ctx, its, machine.Credential{AccessToken: token})
		},
		asCodex(issuerURL+"/oauth/token", form, "client_id=app_EMoamEEZ73f0CkXaXp7hrann&code="+escaped+"&code_verifier=%7Bcode%7D&grant_type=authorization_code"+
			"&redirect_uri=http%3A%2F%2F127.0.0.1%3A1455%2Fauth%2Fcallback"): func(c *oauth.Client) {
			_, _ = c.Exchange(ctx, oauth.Code{Code: token, RedirectURI: callback, Verifier: secret.New("{code}")})
		},
		asCodex(issuerURL+"/oauth/token", form, "client_id=app_EMoamEEZ73f0CkXaXp7hrann&grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange"+
			"&requested_token=openai-api-key&subject_token="+escaped+"&subject_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Aid_token"): func(c *oauth.Client) {
			_, _ = c.ExchangeKey(ctx, token)
		},
		asCodex(issuerURL+"/api/accounts/deviceauth/usercode", json, `{"client_id":"app_EMoamEEZ73f0CkXaXp7hrann"}`): func(c *oauth.Client) {
			_, _ = c.StartDevice(ctx)
		},
		asCodex(issuerURL+"/api/accounts/deviceauth/token", json, `{"device_auth_id":`+quoted+`,"user_code":"{code}"}`): func(c *oauth.Client) {
			_, _ = c.PollDevice(ctx, oauth.Device{ID: token, UserCode: "{code}"})
		},
	} {
		require.Equal(t, want, recorded(t, options(nil), call))
	}
}

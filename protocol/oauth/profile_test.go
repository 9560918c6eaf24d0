package oauth_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/endpoint"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/protocol/oauth"
	"github.com/bezoar-auth/bezoar/protocol/profile"
)

// sent is a request as a profile has it, filled in.
type sent struct {
	method, address string
	members         map[string]string
}

// sentBy is what a call of the client sends.
func sentBy(t *testing.T, call func(*oauth.Client)) (found sent) {
	client := oauth.New(oauth.Options{LoginIssuer: profile.CodexIssuer, Transport: carries(func(request *http.Request) {
		body, err := io.ReadAll(request.Body)
		require.NoError(t, err)
		found = sent{request.Method, request.URL.String(), membersOf(t, request.Header.Get("Content-Type"), string(body))}
	})})
	call(client)
	return found
}

func membersOf(t *testing.T, contentType, body string) map[string]string {
	members := map[string]string{"": contentType}
	if contentType == "application/json" {
		require.NoError(t, json.Unmarshal([]byte(body), &members))
		return members
	}
	form, err := url.ParseQuery(body)
	require.NoError(t, err)
	for name := range form {
		members[name] = form.Get(name)
	}
	return members
}

// filledIn is a request of a profile with values in place of what stands in braces.
func filledIn(t *testing.T, r profile.Request) sent {
	fill := strings.NewReplacer("{refresh_token}", "r", "{cause}", "proactive", "{code}", "c", "{verifier}", "v", "{port}", "1455",
		"{challenge}", oauth.Challenge(secret.New("v")), "{state}", "s", "{workspaces}", "w1,w2", "{originator}", "bezoar")
	found := sent{r.Method, r.URL, map[string]string{"": map[profile.Encoding]string{profile.JSON: "application/json", profile.Form: "application/x-www-form-urlencoded"}[r.Encoding]}}
	for _, each := range r.Fields {
		found.members[each.Name] = fill.Replace(each.Value)
		require.NotContains(t, found.members[each.Name], "{")
	}
	return found
}

// What the client sends to Codex's issuer is what the built-in profile says.
func TestCodexProfileIsWhatTheClientSends(t *testing.T) {
	codex := profile.Codex()
	said := codex.Requests(codex.Endpoints)
	names := machine.Issuer{TokenEndpoint: codex.Endpoints.Token, ClientID: codex.ClientID}
	redirect := "http://127.0.0.1:1455/auth/callback"

	require.Equal(t, filledIn(t, said.Refresh), sentBy(t, func(c *oauth.Client) {
		c.Refresh(context.Background(), names, secret.New("r"), endpoint.Cause("proactive"))
	}))
	require.Equal(t, filledIn(t, said.Revocation), sentBy(t, func(c *oauth.Client) {
		_ = c.Revoke(context.Background(), names, machine.Credential{RefreshToken: secret.New("r")})
	}))
	require.Equal(t, filledIn(t, said.Exchange), sentBy(t, func(c *oauth.Client) {
		_, _ = c.Exchange(context.Background(), oauth.Code{Code: secret.New("c"), RedirectURI: redirect, Verifier: secret.New("v")})
	}))
	require.Equal(t, filledIn(t, said.Device), sentBy(t, func(c *oauth.Client) { _, _ = c.StartDevice(context.Background()) }))

	opened := oauth.New(oauth.Options{LoginIssuer: profile.CodexIssuer}).AuthorizeURL(oauth.Authorization{
		RedirectURI: redirect, State: secret.New("s"), Verifier: secret.New("v"), Workspaces: []string{"w1", "w2"},
	})
	address, query, _ := strings.Cut(opened, "?")
	require.Equal(t, filledIn(t, said.Authorization), sent{"GET", address, membersOf(t, "application/x-www-form-urlencoded", query)})
}

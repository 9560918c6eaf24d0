package oauth_test

import (
	"errors"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine/evidence"
	"github.com/bezoar-auth/bezoar/protocol/oauth"
	"github.com/bezoar-auth/bezoar/protocol/outbound"
)

const (
	filesAt      = "https://mcp.example/api/mcp"
	resourcePath = "/.well-known/oauth-protected-resource"
)

type answers = map[string]func(http.ResponseWriter)

// challenges refuses with a WWW-Authenticate header.
func challenges(header string) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		w.Header().Set("WWW-Authenticate", header)
		w.WriteHeader(http.StatusUnauthorized)
	}
}

func describes(resource, rest string) func(http.ResponseWriter) {
	return says(200, "application/json", fmt.Sprintf(`{"resource":%q,"authorization_servers":["https://id.example/t","https://other.example"]%s}`, resource, rest))
}

func find(t *testing.T, s *site, address, issuer string) (oauth.Resource, *oauth.DiscoveryError) {
	found, err := oauth.New(oauth.Options{Transport: s}).FindResource(t.Context(), address, issuer)
	if err == nil {
		return found, nil
	}
	failed, ok := errors.AsType[*oauth.DiscoveryError](err)
	require.True(t, ok, "%v", err)
	return found, failed
}

func TestResourceIsFoundWhereItsChallengeSays(t *testing.T) {
	s := &site{answers: answers{
		"/api/mcp": challenges(`Bearer resource_metadata="https://mcp.example/meta", scope="files:read mail"`),
		"/meta":    describes(filesAt, `,"scopes_supported":["all"],"resource_name":"Files"`),
	}}
	found, failed := find(t, s, filesAt, "")
	require.Nil(t, failed)
	require.Equal(t, oauth.Resource{URL: filesAt, Name: "Files", Issuers: []string{"https://id.example/t", "https://other.example"}, Scopes: []string{"files:read", "mail"}}, found)
	require.Equal(t, []string{filesAt, "https://mcp.example/meta"}, s.asked)
}

func TestResourceIsFoundAtTheWellKnownAddresses(t *testing.T) {
	for path, asked := range map[string]int{resourcePath + "/api/mcp": 2, resourcePath: 3} {
		s := &site{answers: answers{path: describes("https://mcp.example/", `,"scopes_supported":["all"]`)}}
		found, failed := find(t, s, filesAt, "https://other.example")
		require.Nil(t, failed)
		require.Equal(t, "https://mcp.example/", found.URL)
		require.Equal(t, []string{"https://other.example", "https://id.example/t"}, found.Issuers, "the one that the user wants")
		require.Equal(t, []string{"all"}, found.Scopes)
		require.Len(t, s.asked, asked)
	}
	s := &site{}
	_, failed := find(t, s, "https://mcp.example", "")
	require.Equal(t, "https://mcp.example/.well-known/oauth-protected-resource answers with status 404", failed.Error())
	require.Len(t, s.asked, 2)
}

func TestResourceIsTheOneThatWasAsked(t *testing.T) {
	for resource, want := range map[string]bool{
		filesAt: true, filesAt + "/": true, "https://MCP.example:443/api/mcp": true, "https://mcp.example": true, "https://mcp.example/api": true,
		"https://mcp.example/ap": false, "https://mcp.example/api/mcp/x": false, "https://mcp.example/other": false, "https://evil.example/api/mcp": false,
		"http://mcp.example/api/mcp": false, "https://mcp.example:8443/api/mcp": false, "": false, "::": false, filesAt + "#x": false,
		"https://u@mcp.example/api/mcp": false, filesAt + "?x=1": false,
	} {
		s := &site{answers: answers{resourcePath + "/api/mcp": describes(resource, "")}}
		_, failed := find(t, s, filesAt, "")
		require.Equal(t, want, failed == nil, resource)
		if !want {
			require.True(t, failed.Has(oauth.OtherResource), resource)
		}
	}
}

func TestFaultsOfAResourceAreNamed(t *testing.T) {
	const at = "https://mcp.example" + resourcePath + "/api/mcp"
	metadata := func(text string) answers {
		return answers{resourcePath + "/api/mcp": says(200, "application/json", text)}
	}
	for name, row := range map[string]struct {
		answers answers
		issuer  string
		problem oauth.DiscoveryProblem
		says    string
	}{
		"no issuer":           {metadata(`{"resource":"` + filesAt + `"}`), "", oauth.NamesNoIssuer, at + " names no issuer (authorization_servers)"},
		"plain issuer":        {metadata(`{"resource":"` + filesAt + `","authorization_servers":["http://id.example"]}`), "", oauth.IssuerRefused, at + " names an issuer that is no https address, or one of this machine: http://id.example"},
		"issuer here":         {metadata(`{"resource":"` + filesAt + `","authorization_servers":["http://127.0.0.1:631"]}`), "", oauth.IssuerRefused, at + " names an issuer that is no https address, or one of this machine: http://127.0.0.1:631"},
		"issuer here, by TLS": {metadata(`{"resource":"` + filesAt + `","authorization_servers":["https://localhost"]}`), "", oauth.IssuerRefused, at + " names an issuer that is no https address, or one of this machine: https://localhost"},
		"another issuer":      {metadata(`{"resource":"` + filesAt + `","authorization_servers":["https://id.example"]}`), "https://mine.example", oauth.IssuerUnlisted, at + " does not name the issuer https://mine.example"},
		"another resource":    {metadata(`{"resource":"https://evil.example/?token=1"}`), "", oauth.OtherResource, at + " is about another resource: https://evil.example/"},
		"no resource":         {metadata(`{}`), "", oauth.OtherResource, at + " names no resource"},
		"no JSON":             {metadata(`[]`), "", oauth.NotJSON, at + " answers with something that is no JSON object"},
		"metadata elsewhere": {answers{"/api/mcp": challenges(`Bearer resource_metadata="http://169.254.169.254/latest?x=secret"`)}, "", oauth.OtherOrigin,
			"http://169.254.169.254/latest is named as the place of the metadata, and is at another origin than the resource"},
	} {
		s := &site{answers: row.answers}
		_, failed := find(t, s, filesAt, row.issuer)
		require.True(t, failed.Has(row.problem), name)
		require.Equal(t, row.says, failed.Looks[0].String(), name)
		require.NotContains(t, failed.Error(), "secret", name)
		for _, asked := range s.asked {
			require.Contains(t, asked, "https://mcp.example/", name)
		}
	}
}

func TestResourceMustBeAnAddressForSecrets(t *testing.T) {
	for _, address := range []string{"http://mcp.example/mcp", "mcp.example", "ftp://mcp.example", "https://u:p@mcp.example/", ""} {
		s := &site{}
		_, failed := find(t, s, address, "")
		require.True(t, failed.Has(oauth.EndpointRefused), address)
		require.NotContains(t, failed.Error(), "u:p")
		require.Empty(t, s.asked)
	}
	s := &site{answers: answers{resourcePath: says(200, "", `{"resource":"http://127.0.0.1:7","authorization_servers":["http://127.0.0.1:8"]}`)}}
	_, failed := find(t, s, "http://127.0.0.1:7", "")
	require.Nil(t, failed, "on this machine all of it may be plain")
	_, err := oauth.New(oauth.Options{Transport: s, Rules: outbound.Rules{AllowPlainHTTP: true}}).FindResource(t.Context(), "http://mcp.example", "")
	require.ErrorContains(t, err, "another resource: http://127.0.0.1:7")
}

func TestSilentResourceIsAskedOnceForTwentySeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		_, err := oauth.New(oauth.Options{Transport: silent{}}).FindResource(t.Context(), filesAt, "")
		failed, ok := errors.AsType[*oauth.DiscoveryError](err)
		require.True(t, ok)
		require.Len(t, failed.Looks, 1)
		require.Equal(t, evidence.ProblemTimedOut, failed.Looks[0].Way)
		require.Equal(t, 20*time.Second, time.Since(begun))
	})
}

// silent never answers.
type silent struct{}

func (silent) RoundTrip(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

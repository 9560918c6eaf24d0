package resource_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/resource"
	"github.com/bezoar-auth/bezoar/protocol/oauth"
	"github.com/bezoar-auth/bezoar/protocol/profile"
)

const (
	server = "https://mcp.example/mcp"
	issuer = "https://id.example"
)

// web has a resource and its issuer.
type web struct {
	metadata   string // further members of the issuer's
	registered int    // status of a registration
	answer     string
	posts      []string
}

func newWeb() *web {
	return &web{
		metadata:   `,"code_challenge_methods_supported":["S256"],"registration_endpoint":"https://id.example/register","scopes_supported":["offline_access"]`,
		registered: 201, answer: `{"client_id":"registered"}`,
	}
}

func (w *web) RoundTrip(r *http.Request) (*http.Response, error) {
	recorder := httptest.NewRecorder()
	switch r.URL.String() {
	case server:
		recorder.Header().Set("WWW-Authenticate", `Bearer resource_metadata="https://mcp.example/meta", scope="files"`)
		recorder.WriteHeader(401)
	case "https://mcp.example/meta":
		fmt.Fprintf(recorder, `{"resource":%q,"authorization_servers":[%q]}`, server, issuer)
	case issuer + "/.well-known/oauth-authorization-server":
		fmt.Fprintf(recorder, `{"issuer":%q,"authorization_endpoint":"https://id.example/a","token_endpoint":"https://id.example/t"%s}`, issuer, w.metadata)
	case issuer + "/register":
		body, _ := io.ReadAll(r.Body)
		w.posts = append(w.posts, string(body))
		recorder.WriteHeader(w.registered)
		io.WriteString(recorder, w.answer)
	default:
		recorder.WriteHeader(404)
	}
	return recorder.Result(), nil
}

func prepare(t *testing.T, w *web, tables any, ask resource.Ask) (resource.Prepared, error) {
	ask.Server = server
	line := func(int, ...string) int { return 0 }
	made, err := resource.Prepare(t.Context(), oauth.New(oauth.Options{Transport: w}), profile.NewSet(tables, line), ask)
	if err == nil {
		require.NoError(t, made.Keep(ask.Home))
	}
	return made, err
}

func TestResourceGetsAnAccountWithARegisteredClient(t *testing.T) {
	w, home := newWeb(), t.TempDir()
	made, err := prepare(t, w, nil, resource.Ask{Home: home})
	require.NoError(t, err)
	require.Equal(t, "mcp-example", made.Account)
	require.True(t, made.IsNew)
	file, err := resource.Read(filepath.Join(resource.Folder(home), "mcp-example"))
	require.NoError(t, err)
	p, err := file.ProfileOf("mcp-example")
	require.NoError(t, err)
	require.Equal(t, "registered "+issuer, p.ClientID+" "+p.Issuer)
	require.Equal(t, []string{"files", "offline_access"}, p.Scopes)
	require.Equal(t, []string{server}, p.Resources)
	require.Equal(t, profile.DiscoveryMCP, p.Discovery)
	require.Len(t, p.RedirectPorts, 2)
	require.Contains(t, w.posts[0], fmt.Sprintf(`"redirect_uris":["http://127.0.0.1:%d/callback"]`, p.RedirectPorts[0]))
	require.Contains(t, w.posts[0], `"scope":"files offline_access"`)

	again, err := prepare(t, w, nil, resource.Ask{Home: home, Scopes: []string{"more"}})
	require.NoError(t, err)
	require.Len(t, w.posts, 1, "the client is the one of before")
	require.False(t, again.IsNew)
	require.Equal(t, "mcp-example", again.Account)
	p, _ = again.File.ProfileOf("x")
	require.Equal(t, []string{"files", "offline_access", "more"}, p.Scopes)

	other, err := prepare(t, w, nil, resource.Ask{Home: home, Account: "second"})
	require.NoError(t, err)
	require.True(t, other.IsNew)
	names, err := resource.Find(home, "HTTPS://MCP.example:443/mcp/")
	require.NoError(t, err)
	require.Equal(t, []string{"mcp-example", "second"}, names)
	names, err = resource.Find(home, "https://mcp.example/other")
	require.NoError(t, err)
	require.Empty(t, names)
}

func TestClientOfConfigTOMLCountsMore(t *testing.T) {
	tables := map[string]any{
		"mine":  map[string]any{"issuer": issuer, "client_id": "by-hand", "client_secret_env": "MINE"},
		"other": map[string]any{"issuer": "https://other.example", "client_id": "other"},
	}
	for _, chosen := range []string{"", "mine"} {
		w := newWeb()
		made, err := prepare(t, w, tables, resource.Ask{Home: t.TempDir(), Profile: chosen})
		require.NoError(t, err)
		require.Empty(t, w.posts)
		p, err := made.File.ProfileOf("x")
		require.NoError(t, err)
		require.Equal(t, "by-hand", p.ClientID)
		require.Equal(t, "MINE", p.Secret.Env)
		require.Equal(t, []string{server}, p.Resources)
		require.Equal(t, []string{"files", "offline_access"}, p.Scopes)
	}
	_, err := prepare(t, newWeb(), tables, resource.Ask{Home: t.TempDir(), Profile: "other"})
	require.EqualError(t, err, "https://mcp.example/meta does not name the issuer https://other.example")
	_, err = prepare(t, newWeb(), tables, resource.Ask{Home: t.TempDir(), Profile: "unknown"})
	_, ok := errors.AsType[*profile.UnknownError](err)
	require.True(t, ok)
}

func TestSecretOfARegisteredClientStaysOutOfConfigTOML(t *testing.T) {
	w, home := newWeb(), t.TempDir()
	w.answer = `{"client_id":"c","client_secret":"hush","client_secret_expires_at":1}`
	made, err := prepare(t, w, nil, resource.Ask{Home: home})
	require.NoError(t, err)
	p, err := made.File.ProfileOf("x")
	require.NoError(t, err)
	require.Equal(t, profile.AuthBasic, p.AuthMethod)
	require.Equal(t, "hush", made.File.ClientSecret().Reveal())
	_, err = prepare(t, w, nil, resource.Ask{Home: home})
	require.NoError(t, err)
	require.Len(t, w.posts, 2, "the secret has expired: bezoar registers again")
}

func TestMissingClientSaysWhatToWrite(t *testing.T) {
	for name, row := range map[string]struct {
		change func(*web)
		says   string
	}{
		"no endpoint": {func(w *web) { w.metadata = `,"code_challenge_methods_supported":["S256"]` }, "https://id.example does not let programs register themselves. Register"},
		"refused":     {func(w *web) { w.registered, w.answer = 403, `{"error":"access_denied"}` }, "https://id.example does not register this program (status 403, access_denied). Register"},
		"no PKCE":     {func(w *web) { w.metadata = "" }, "https://id.example does not say that it supports PKCE (code_challenge_methods_supported). Register"},
	} {
		w, home := newWeb(), t.TempDir()
		row.change(w)
		_, err := prepare(t, w, nil, resource.Ask{Home: home})
		require.ErrorContains(t, err, row.says, name)
		require.ErrorContains(t, err, `[issuers.NAME] with issuer = "https://id.example"`)
		require.True(t, strings.HasSuffix(err.Error(), "Next: bezoar login --resource "+server+" --issuer NAME"), name)
		_, err = resource.Read(filepath.Join(resource.Folder(home), "mcp-example"))
		require.Error(t, err, "nothing was made")
	}
}

// The names of accounts are more than those of profiles.
func TestProfileOfAResourceIsReadWhateverItsAccountIsCalled(t *testing.T) {
	for _, name := range []string{"Work", "a.b@c", "codex"} {
		made, err := prepare(t, newWeb(), nil, resource.Ask{Home: t.TempDir(), Account: name})
		require.NoError(t, err)
		p, err := made.File.ProfileOf(made.Account)
		require.NoError(t, err)
		require.Equal(t, "registered "+name, p.ClientID+" "+p.Name)
	}
}

func TestBrokenFileOfAResourceIsNotWrittenOver(t *testing.T) {
	w, home := newWeb(), t.TempDir()
	path := filepath.Join(resource.Folder(home), "mine", resource.FileName)
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
	require.NoError(t, os.WriteFile(path, []byte(`{"version":2,"server":"s","resource":"r","client_secret":"hush"}`), 0o600))
	_, err := prepare(t, w, nil, resource.Ask{Home: home, Account: "mine"})
	require.ErrorContains(t, err, "a newer bezoar wrote resource.json")
	require.Empty(t, w.posts)
}

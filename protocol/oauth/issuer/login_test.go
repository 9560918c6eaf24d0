package issuer_test

import (
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/protocol/oauth"
	"github.com/bezoar-auth/bezoar/protocol/oauth/issuer"
)

// browser is a browser that shows redirects instead of following them.
type browser struct {
	t    *testing.T
	base string
}

func browserAt(t *testing.T, i *issuer.Issuer) browser {
	server := httptest.NewServer(i)
	t.Cleanup(server.Close)
	return browser{t, server.URL}
}

func (b browser) do(method, path, form string) (*http.Response, string) {
	request, err := http.NewRequestWithContext(b.t.Context(), method, b.base+path, strings.NewReader(form))
	require.NoError(b.t, err)
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(request)
	require.NoError(b.t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(b.t, err)
	return response, string(body)
}

func authorizePath(client *oauth.Client, verifier secret.Token, workspaces ...string) string {
	address := client.AuthorizeURL(oauth.Authorization{
		RedirectURI: "http://127.0.0.1:1455/auth/callback", State: secret.New("the-state"), Verifier: verifier, Workspaces: workspaces,
	})
	return strings.TrimPrefix(address, "https://issuer.test")
}

var action = regexp.MustCompile(`action="([^"]+)"`)

func TestConsentPageSendsTheBrowserBackWithACode(t *testing.T) {
	i := issuer.New(issuer.Options{})
	b, client, verifier := browserAt(t, i), clientOf(i.Transport()), oauth.NewVerifier()
	client.Introduce("<b>client</b>", "x")
	response, page := b.do("GET", authorizePath(client, verifier), "")
	require.Equal(t, 200, response.StatusCode)
	require.Contains(t, page, "ada@example.com")
	require.Contains(t, page, "&lt;b&gt;client")
	target := html.UnescapeString(action.FindStringSubmatch(page)[1])

	response, _ = b.do("POST", target, "decision=deny")
	require.Equal(t, "access_denied", back(t, response).Get("error"))
	response, _ = b.do("POST", target, "decision=allow")
	query := back(t, response)
	require.Equal(t, "the-state", query.Get("state"))
	code := oauth.Code{Code: secret.New(query.Get("code")), RedirectURI: "http://127.0.0.1:1455/auth/callback", Verifier: verifier}
	grant, err := client.Exchange(t.Context(), code)
	require.NoError(t, err)
	require.True(t, i.IsAlive(grant.RefreshToken))
}

func back(t *testing.T, response *http.Response) url.Values {
	require.Equal(t, http.StatusSeeOther, response.StatusCode)
	location, err := response.Location()
	require.NoError(t, err)
	require.Equal(t, "127.0.0.1:1455", location.Host)
	return location.Query()
}

func TestRedirectsStayOnThisMachine(t *testing.T) {
	i := issuer.New(issuer.Options{AutoConsent: true})
	b := browserAt(t, i)
	for _, target := range []string{
		"https://evil.example/", "http://evil.example/", "http://127.0.0.1.evil.example/", "http://127.0.0.1@evil.example/",
		"javascript:alert(1)", "", "//evil.example", "http://[::1", "https://localhost/",
	} {
		query := url.Values{"client_id": {oauth.DefaultClientID}, "redirect_uri": {target}, "response_type": {"code"},
			"code_challenge": {"c"}, "code_challenge_method": {"S256"}}
		response, _ := b.do("GET", "/oauth/authorize?"+query.Encode(), "")
		require.Equal(t, 400, response.StatusCode, target)
		require.Empty(t, response.Header.Get("Location"))
	}
}

func TestWorkspaceAdmitsItsAccountsOnly(t *testing.T) {
	i := issuer.New(issuer.Options{AutoConsent: true})
	b, client := browserAt(t, i), clientOf(i.Transport())
	response, _ := b.do("GET", authorizePath(client, oauth.NewVerifier(), "other", "more"), "")
	require.Equal(t, "access_denied", back(t, response).Get("error"))
	i.SetAccount(issuer.Account{ID: "other"})
	response, _ = b.do("GET", authorizePath(client, oauth.NewVerifier(), "other", "more"), "")
	require.NotEmpty(t, back(t, response).Get("code"))
}

func TestCodeIsBoundToItsVerifierItsAddressAndItsTime(t *testing.T) {
	now := time.Now()
	i := issuer.New(issuer.Options{AutoConsent: true, Now: func() time.Time { return now }})
	b, client, verifier := browserAt(t, i), clientOf(i.Transport()), oauth.NewVerifier()
	response, _ := b.do("GET", authorizePath(client, verifier), "")
	good := oauth.Code{Code: secret.New(back(t, response).Get("code")), RedirectURI: "http://127.0.0.1:1455/auth/callback", Verifier: verifier}
	stolen, moved, made := good, good, good
	stolen.Verifier, moved.RedirectURI, made.Code = oauth.NewVerifier(), "http://localhost:1455/auth/callback", secret.New("ac_guess")
	for _, bad := range []oauth.Code{stolen, moved, made} {
		_, err := client.Exchange(t.Context(), bad)
		require.Error(t, err)
	}
	now = now.Add(10 * time.Minute)
	_, err := client.Exchange(t.Context(), good)
	require.ErrorContains(t, err, "expired")
	now = now.Add(-time.Second)
	_, err = client.Exchange(t.Context(), good)
	require.NoError(t, err)
}

func TestDevicePageDecidesTheLoginOfItsCode(t *testing.T) {
	i := issuer.New(issuer.Options{})
	b, client := browserAt(t, i), clientOf(i.Transport())
	_, page := b.do("GET", "/codex/device", "")
	require.Contains(t, page, `action="/codex/device"`)
	response, _ := b.do("POST", "/codex/device", "user_code=NONE-SUCH&decision=allow")
	require.Equal(t, 400, response.StatusCode)
	for decision, check := range map[string]func(oauth.DeviceAnswer, error){
		"allow": func(answer oauth.DeviceAnswer, err error) { require.IsType(t, oauth.DeviceApproved{}, answer) },
		"deny":  func(_ oauth.DeviceAnswer, err error) { require.ErrorContains(t, err, "status 400") },
	} {
		device, err := client.StartDevice(t.Context())
		require.NoError(t, err)
		response, page = b.do("POST", "/codex/device", "user_code=+"+strings.ToLower(device.UserCode)+"&decision="+decision)
		require.Equal(t, 200, response.StatusCode)
		require.Contains(t, page, "Done")
		check(client.PollDevice(t.Context(), device))
	}
}

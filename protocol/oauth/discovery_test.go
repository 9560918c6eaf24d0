package oauth_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine/evidence"
	"github.com/bezoar-auth/bezoar/protocol/oauth"
	"github.com/bezoar-auth/bezoar/protocol/outbound"
	"github.com/bezoar-auth/bezoar/protocol/profile"
)

const (
	oidcPath  = "/.well-known/openid-configuration"
	oauthPath = "/.well-known/oauth-authorization-server"
)

// site answers at some paths, and records which were asked for.
type site struct {
	answers map[string]func(http.ResponseWriter)
	asked   []string
}

func (s *site) RoundTrip(request *http.Request) (*http.Response, error) {
	s.asked = append(s.asked, request.URL.String())
	recorder := httptest.NewRecorder()
	if answer := s.answers[request.URL.EscapedPath()]; answer != nil {
		answer(recorder)
	} else {
		http.NotFound(recorder, request)
	}
	return recorder.Result(), nil
}

func says(status int, contentType, body string) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}
}

func metadataOf(issuer string) func(http.ResponseWriter) {
	return says(200, "application/json", fmt.Sprintf(`{"issuer":%q,"token_endpoint":"https://id.example/token","code_challenge_methods_supported":["S256"],
		"authorization_endpoint":"https://id.example/authorize","revocation_endpoint":"https://id.example/revoke","unknown":1}`, issuer))
}

func discover(t *testing.T, s *site, p profile.Profile) (profile.Metadata, *oauth.DiscoveryError) {
	metadata, err := oauth.New(oauth.Options{Transport: s}).Discover(t.Context(), p)
	if err == nil {
		return metadata, nil
	}
	failed, ok := errors.AsType[*oauth.DiscoveryError](err)
	require.True(t, ok, "%v", err)
	return metadata, failed
}

func issuerAt(address string, how profile.Discovery) profile.Profile {
	return profile.Profile{Issuer: address, Discovery: how}
}

// The order of MCP's authorization, Authorization Server Metadata Discovery.
func TestMCPLooksForMetadataInItsOwnOrder(t *testing.T) {
	for issuer, want := range map[string][]string{
		"https://id.example":          {"https://id.example" + oauthPath, "https://id.example" + oidcPath},
		"https://id.example/tenant/1": {"https://id.example" + oauthPath + "/tenant/1", "https://id.example" + oidcPath + "/tenant/1", "https://id.example/tenant/1" + oidcPath},
	} {
		var s site
		_, err := discover(t, &s, issuerAt(issuer, profile.DiscoveryMCP))
		require.Equal(t, want, s.asked)
		require.NotNil(t, err)
	}
}

// Where the metadata is: OpenID Connect Discovery section 4 and RFC 8414 section 3.1.
func TestMetadataIsLookedForWhereTheStandardsSay(t *testing.T) {
	for issuer, row := range map[string]struct{ oidc, oauth string }{
		"https://id.example":          {"https://id.example" + oidcPath, "https://id.example" + oauthPath},
		"https://id.example/":         {"https://id.example" + oidcPath, "https://id.example" + oauthPath},
		"https://id.example:8443/dex": {"https://id.example:8443/dex" + oidcPath, "https://id.example:8443" + oauthPath + "/dex"},
		"https://id.example/a/b/":     {"https://id.example/a/b" + oidcPath, "https://id.example" + oauthPath + "/a/b"},
		"https://id.example/a%2Fb":    {"https://id.example/a%2Fb" + oidcPath, "https://id.example" + oauthPath + "/a%2Fb"},
	} {
		for how, want := range map[profile.Discovery][]string{
			profile.DiscoveryAuto: {row.oidc, row.oauth}, profile.DiscoveryOIDC: {row.oidc}, profile.DiscoveryOAuth: {row.oauth}, profile.DiscoveryNone: nil,
		} {
			var s site
			_, err := discover(t, &s, issuerAt(issuer, how))
			require.Equal(t, want, s.asked, "%s %s", issuer, how)
			require.Equal(t, how != profile.DiscoveryNone, err != nil)
		}
	}
}

func TestMetadataIsFoundAtEitherAddress(t *testing.T) {
	const issuer = "https://id.example/"
	for path, asked := range map[string]int{oidcPath: 1, oauthPath: 2} {
		s := site{answers: map[string]func(http.ResponseWriter){path: metadataOf(issuer)}}
		m, err := discover(t, &s, issuerAt(issuer, profile.DiscoveryAuto))
		require.Nil(t, err)
		require.Equal(t, "https://id.example/token", m.TokenEndpoint)
		require.Equal(t, []string{"S256"}, m.ChallengeMethods)
		require.Len(t, s.asked, asked)
	}
}

func TestMemberOfAWrongTypeHidesNoOther(t *testing.T) {
	s := site{answers: map[string]func(http.ResponseWriter){oidcPath: says(200, "", `{"scopes_supported":"openid","require_pushed_authorization_requests":"no","issuer":"https://id.example","token_endpoint":"https://id.example/t"}`)}}
	m, err := discover(t, &s, issuerAt("https://id.example", profile.DiscoveryAuto))
	require.Nil(t, err)
	require.Equal(t, "https://id.example/t", m.TokenEndpoint)
	require.Empty(t, m.ScopesSupported)
}

func TestMetadataThatCannotBeUsedIsAnError(t *testing.T) {
	const issuer = "https://id.example"
	body := func(members string) func(http.ResponseWriter) {
		return says(200, "application/json", `{"issuer":"https://id.example",`+members+`}`)
	}
	at := issuer + oidcPath
	for name, row := range map[string]struct {
		answer func(http.ResponseWriter)
		want   oauth.DiscoveryProblem
		text   string
	}{
		"not found":             {nil, oauth.NotFound, at + " answers with status 404; " + issuer + oauthPath + " answers with status 404"},
		"an error":              {says(503, "", "busy"), oauth.WrongStatus, at + " answers with status 503; " + issuer + oauthPath + " answers with status 404"},
		"a redirect":            {says(302, "", ""), oauth.WrongStatus, at + " answers with status 302; " + issuer + oauthPath + " answers with status 404"},
		"a page":                {says(200, "text/html", "<html>hello</html>"), oauth.IsPage, at + " answers with a page; " + issuer + oauthPath + " answers with status 404"},
		"no JSON":               {says(200, "application/json", `{"issuer":`), oauth.NotJSON, at + " answers with something that is no JSON object; " + issuer + oauthPath + " answers with status 404"},
		"a list":                {says(200, "application/json", `[]`), oauth.NotJSON, ""},
		"nothing":               {says(200, "application/json", ``), oauth.NotJSON, ""},
		"too long":              {says(200, "application/json", `{"issuer":"`+strings.Repeat("x", 1<<20)+`"}`), oauth.NotJSON, ""},
		"another issuer":        {metadataOf("https://evil.example"), oauth.OtherIssuer, at + " names another issuer: https://evil.example"},
		"a slash more":          {metadataOf(issuer + "/"), oauth.OtherIssuer, at + " names another issuer: https://id.example/"},
		"other letters":         {metadataOf("https://ID.example"), oauth.OtherIssuer, ""},
		"an issuer to be shown": {says(200, "", `{"issuer":"x\u202e\u001b[31m"}`), oauth.OtherIssuer, ""},
		"no issuer":             {says(200, "", `{"token_endpoint":"https://id.example/token"}`), oauth.OtherIssuer, at + " names no issuer"},
		"no token endpoint":     {body(`"authorization_endpoint":"https://id.example/a"`), oauth.NoTokenEndpoint, at + " has no token_endpoint"},
		"plain HTTP":            {body(`"token_endpoint":"http://id.example/token"`), oauth.EndpointRefused, at + " has no https address as token_endpoint"},
		"a password":            {body(`"token_endpoint":"https://a:b@id.example/token"`), oauth.EndpointRefused, ""},
		"no address":            {body(`"token_endpoint":"/token"`), oauth.EndpointRefused, ""},
		"another scheme":        {body(`"token_endpoint":"https://id.example/t","revocation_endpoint":"file:///etc"`), oauth.EndpointRefused, at + " has no https address as revocation_endpoint"},
		"this machine":          {body(`"token_endpoint":"http://127.0.0.1:2375/t"`), oauth.EndpointRefused, at + " has no https address as token_endpoint"},
		"keys at this machine":  {body(`"token_endpoint":"https://id.example/t","jwks_uri":"https://localhost/k"`), oauth.EndpointRefused, at + " has no https address as jwks_uri"},
		"a plain userinfo":      {body(`"token_endpoint":"https://id.example/t","userinfo_endpoint":"http://id.example/u"`), oauth.EndpointRefused, at + " has no https address as userinfo_endpoint"},
	} {
		t.Run(name, func(t *testing.T) {
			s := site{answers: map[string]func(http.ResponseWriter){}}
			if row.answer != nil {
				s.answers[oidcPath] = row.answer
			}
			_, err := discover(t, &s, issuerAt(issuer, profile.DiscoveryAuto))
			require.NotNil(t, err)
			require.True(t, err.Has(row.want), err.Error())
			if row.text != "" {
				require.Equal(t, row.text, err.Error())
			}
			require.NotContains(t, err.Error(), "\x1b")
		})
	}
}

func TestEndpointOfTheProfileStandsForOneThatIsMissing(t *testing.T) {
	p := issuerAt("https://id.example", profile.DiscoveryAuto)
	p.Endpoints.Token = "https://id.example/own"
	for _, members := range []string{`"x":1`, `"token_endpoint":"http://other.example/token"`} {
		s := site{answers: map[string]func(http.ResponseWriter){oidcPath: says(200, "", `{"issuer":"https://id.example",`+members+`}`)}}
		m, err := discover(t, &s, p)
		require.Nil(t, err)
		require.Equal(t, "https://id.example/own", p.Endpoints.With(m).Token)
	}
}

func TestDiscoveryGoesNowhereInPlainHTTP(t *testing.T) {
	var s site
	_, err := discover(t, &s, issuerAt("http://id.example", profile.DiscoveryAuto))
	require.Equal(t, []oauth.Look{{Address: "http://id.example" + oidcPath, Problem: oauth.NoAnswer, Way: evidence.ProblemPlainHTTP}}, err.Looks)
	require.Empty(t, s.asked)

	answers := map[string]func(http.ResponseWriter){oidcPath: says(200, "", `{"issuer":"http://127.0.0.1:7","token_endpoint":"http://127.0.0.1:7/token"}`)}
	_, err = discover(t, &site{answers: answers}, issuerAt("http://127.0.0.1:7", profile.DiscoveryAuto))
	require.Nil(t, err, "nothing leaves this machine")
	allowed := oauth.New(oauth.Options{Transport: &site{answers: map[string]func(http.ResponseWriter){oidcPath: metadataOf("http://id.example")}}, Rules: outbound.Rules{AllowPlainHTTP: true}})
	_, failed := allowed.Discover(t.Context(), issuerAt("http://id.example", profile.DiscoveryAuto))
	require.NoError(t, failed)
}

func TestDiscoveryIsNotToldWhoAsks(t *testing.T) {
	client := oauth.New(oauth.Options{Transport: carries(func(request *http.Request) {
		require.Equal(t, "GET bezoar", request.Method+" "+request.UserAgent())
		require.Empty(t, request.Header.Get("Originator"))
	})})
	client.Introduce("editor", "editor/1")
	client.Discover(t.Context(), issuerAt("https://id.example", profile.DiscoveryAuto))
}

// carries looks at requests and answers none.
type carries func(*http.Request)

func (c carries) RoundTrip(request *http.Request) (*http.Response, error) {
	c(request)
	return nil, evidence.ProblemNameUnknown
}

func TestDiscoveryEndsThoughTheIssuerHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := oauth.New(oauth.Options{Transport: hangs{}})
		begun := time.Now()
		_, err := client.Discover(t.Context(), issuerAt("https://id.example", profile.DiscoveryAuto))
		require.EqualError(t, err, "https://id.example"+oidcPath+" gives no answer: timed out")
		require.Equal(t, 20*time.Second, time.Since(begun))
	})
}

type hangs struct{}

func (hangs) RoundTrip(request *http.Request) (*http.Response, error) {
	<-request.Context().Done()
	return nil, request.Context().Err()
}

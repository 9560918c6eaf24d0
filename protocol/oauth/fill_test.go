package oauth_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/endpoint"
	"github.com/bezoar-auth/bezoar/machine/evidence"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/protocol/oauth"
	"github.com/bezoar-auth/bezoar/protocol/profile"
)

// plain is the profile of an issuer that is none of Codex's.
func plain() profile.Profile {
	return profile.Profile{
		Name: "plain", Issuer: "https://id.example/", ClientID: "{code}",
		Endpoints: profile.Endpoints{
			Authorization: "https://id.example/authorize?tenant=a", Token: "https://id.example/t", Device: "https://id.example/d",
			Revocation: "https://id.example/r", Userinfo: "https://id.example/u",
		},
		AuthMethod: profile.AuthNone, RequestEncoding: profile.Form, ExchangeEncoding: profile.Form,
		Scopes: []string{"openid", "{state}"}, Resources: []string{"https://api.example/{refresh_token}", "urn:b"},
		AuthorizationParams: map[string]string{"prompt": "consent", "a b": "by {originator}"}, RefreshParams: map[string]string{"why": "{cause}"},
		RedirectURI: "http://127.0.0.1:{port}/callback", RedirectPorts: []int{0},
		DeviceFlow: profile.DeviceAuto, IDToken: profile.IDTokenAuto,
		Answers: profile.Answers{Standard: true, Bare401: profile.Misconfigured},
	}
}

var itsIssuer = machine.Issuer{TokenEndpoint: "https://id.example/t", ClientID: "{code}"}

// sentBy is the address, the Authorization header and the body of what a call sends.
func sentBy(t require.TestingT, o oauth.Options, call func(*oauth.Client)) (address, proof, body string) {
	o.Transport = transportFunc(func(request *http.Request) (*http.Response, error) {
		content, err := io.ReadAll(request.Body)
		require.NoError(t, err)
		address, proof, body = request.URL.String(), request.Header.Get("Authorization"), string(content)
		return &http.Response{StatusCode: 503, Header: http.Header{}, Body: http.NoBody}, nil
	})
	call(oauth.New(o))
	return address, proof, body
}

func TestRequestsAreWhatTheProfileSays(t *testing.T) {
	ctx := t.Context()
	resources := url.Values{"resource": {"https://api.example/{refresh_token}", "urn:b"}}.Encode()
	calls := map[string]func(*oauth.Client){
		"https://id.example/t client_id=%7Bcode%7D&grant_type=refresh_token&refresh_token=%7Bcause%7D&" + resources + "&why=forced": func(c *oauth.Client) {
			c.Refresh(ctx, itsIssuer, secret.New("{cause}"), endpoint.CauseDemanded)
		},
		"https://id.example/t client_id=%7Bcode%7D&code=%7Bverifier%7D&code_verifier=v&grant_type=authorization_code&redirect_uri=http%3A%2F%2F127.0.0.1%3A9%2Fcallback&" + resources: func(c *oauth.Client) {
			_, _ = c.Exchange(ctx, oauth.Code{Code: secret.New("{verifier}"), RedirectURI: "http://127.0.0.1:9/callback", Verifier: secret.New("v")})
		},
		"https://id.example/r client_id=%7Bcode%7D&token=r&token_type_hint=refresh_token": func(c *oauth.Client) {
			_ = c.Revoke(ctx, itsIssuer, machine.Credential{RefreshToken: secret.New("r"), AccessToken: secret.New("a")})
		},
		"https://id.example/r client_id=%7Bcode%7D&token=a&token_type_hint=access_token": func(c *oauth.Client) {
			_ = c.Revoke(ctx, itsIssuer, machine.Credential{AccessToken: secret.New("a")})
		},
		"https://id.example/d client_id=%7Bcode%7D&" + resources + "&scope=openid+%7Bstate%7D": func(c *oauth.Client) { _, _ = c.StartDevice(ctx) },
		"https://id.example/t client_id=%7Bcode%7D&device_code=d&grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Adevice_code": func(c *oauth.Client) {
			_, _ = c.PollDevice(ctx, oauth.Device{ID: secret.New("d"), UserCode: "u"})
		},
	}
	for want, call := range calls {
		address, proof, body := sentBy(t, oauth.Options{Profile: plain()}, call)
		require.Equal(t, want, address+" "+body)
		require.Empty(t, proof)
	}
	require.Equal(t, "https://id.example/authorize?tenant=a&response_type=code&client_id=%7Bcode%7D&redirect_uri=http%3A%2F%2F127.0.0.1%3A9%2Fcallback"+
		"&scope=openid+%7Bstate%7D&code_challenge="+oauth.Challenge(secret.New("v"))+"&code_challenge_method=S256&state=%7Bnonce%7D&nonce=n&"+resources+
		"&a+b=by+bezoar&prompt=consent",
		oauth.New(oauth.Options{Profile: plain()}).AuthorizeURL(oauth.Authorization{
			RedirectURI: "http://127.0.0.1:9/callback", State: secret.New("{nonce}"), Nonce: secret.New("n"), Verifier: secret.New("v"),
		}))
}

func TestScopesAreSentOnARefreshIfTheProfileSaysSo(t *testing.T) {
	p := plain()
	p.RefreshSendsScope, p.RequestEncoding, p.RefreshParams = true, profile.JSON, nil
	_, _, body := sentBy(t, oauth.Options{Profile: p}, func(c *oauth.Client) { c.Refresh(t.Context(), itsIssuer, secret.New("r"), "") })
	require.Equal(t, `{"client_id":"{code}","grant_type":"refresh_token","refresh_token":"r","scope":"openid {state}","resource":["https://api.example/{refresh_token}","urn:b"]}`, body)
}

// A client proves who it is in the way of the profile, with a secret that is asked for each
// time (RFC 6749 section 2.3.1: both are encoded as a form before they are joined).
func TestClientProvesWhoItIs(t *testing.T) {
	p, asked := plain(), 0
	p.ClientID = "a:b c"
	o := oauth.Options{Secret: func(context.Context) (secret.Token, error) {
		asked++
		return secret.New("s:{code}&%é"), nil
	}}
	refresh := func(c *oauth.Client) {
		c.Refresh(t.Context(), machine.Issuer{TokenEndpoint: "https://id.example/t", ClientID: "a:b c"}, secret.New("r"), "")
	}

	p.AuthMethod = profile.AuthBasic
	o.Profile = p
	_, proof, body := sentBy(t, o, refresh)
	request := http.Request{Header: http.Header{"Authorization": {proof}}}
	user, password, _ := request.BasicAuth()
	require.Equal(t, "a%3Ab+c s%3A%7Bcode%7D%26%25%C3%A9", user+" "+password)
	require.NotContains(t, body, "client_")

	p.AuthMethod = profile.AuthPost
	o.Profile = p
	_, proof, body = sentBy(t, o, refresh)
	form, err := url.ParseQuery(body)
	require.NoError(t, err)
	require.Empty(t, proof)
	require.Equal(t, "a:b c s:{code}&%é", form.Get("client_id")+" "+form.Get("client_secret"))
	require.Equal(t, 2, asked)
}

func TestWithoutTheClientsSecretNothingIsSent(t *testing.T) {
	never := transportFunc(func(*http.Request) (*http.Response, error) { panic("a request was made") })
	failing := func(context.Context) (secret.Token, error) { return secret.New("s"), errors.New("locked, and hunter2") }
	none := func(context.Context) (secret.Token, error) { return secret.Token{}, nil }
	for _, source := range []func(context.Context) (secret.Token, error){nil, failing, none} {
		for _, method := range []profile.AuthMethod{profile.AuthBasic, profile.AuthPost} {
			p := plain()
			p.AuthMethod = method
			client := oauth.New(oauth.Options{Profile: p, Secret: source, Transport: never})
			answer := client.Refresh(t.Context(), itsIssuer, secret.New("r"), "")
			require.Equal(t, endpoint.Unavailable{Evidence: evidence.Evidence{Problem: evidence.ProblemClientSecret}}, answer)
			_, err := client.Exchange(t.Context(), oauth.Code{})
			require.Equal(t, &oauth.UnreachableError{Problem: evidence.ProblemClientSecret}, err)
			require.False(t, oauth.MayTryAgain(err))
		}
	}
}

// Whatever the profile says by now, a refresh token goes to the endpoint and under the
// client that its record names, or nowhere.
func TestTokenOfAnotherIssuerOrClientIsNotSent(t *testing.T) {
	never := transportFunc(func(*http.Request) (*http.Response, error) { panic("a request was made") })
	client := oauth.New(oauth.Options{Profile: plain(), Transport: never})
	for _, other := range []machine.Issuer{
		{TokenEndpoint: "https://id.example/t/", ClientID: "{code}"}, {TokenEndpoint: "https://id.example/t", ClientID: "another"}, {},
	} {
		require.Equal(t, endpoint.Misconfigured{Evidence: evidence.Evidence{Problem: evidence.ProblemOtherProfile}}, client.Refresh(t.Context(), other, secret.New("r"), ""))
		err := client.Revoke(t.Context(), other, machine.Credential{RefreshToken: secret.New("r")})
		require.Equal(t, &oauth.UnreachableError{Problem: evidence.ProblemOtherProfile}, err)
	}
}

func TestIssuerWithoutAnEndpointIsSaidSo(t *testing.T) {
	p := plain()
	p.Endpoints = profile.Endpoints{Token: "https://id.example/t"}
	client := oauth.New(oauth.Options{Profile: p})
	require.ErrorIs(t, client.Revoke(t.Context(), itsIssuer, machine.Credential{RefreshToken: secret.New("r")}), oauth.ErrNoRevocation)
	require.ErrorIs(t, client.MayLogIn(), oauth.ErrNoBrowserLogin)
	_, err := client.StartDevice(t.Context())
	require.ErrorIs(t, err, oauth.ErrNoDeviceLogin)
}

func TestLoginsNameWhereTheyAreRefreshed(t *testing.T) {
	p := plain()
	require.Equal(t, machine.Provenance{Issuer: p.Issuer, ClientID: "{code}", TokenEndpoint: "https://id.example/t"}, oauth.New(oauth.Options{Profile: p}).Provenance())
	require.Equal(t, machine.Provenance{Issuer: p.Issuer, ClientID: "{code}", TokenEndpoint: "https://discovered.example/t"},
		oauth.New(oauth.Options{Profile: p, Endpoints: profile.Endpoints{Token: "https://discovered.example/t"}}).Provenance())
}

// What a person has written into a profile arrives as it was written, whatever braces it has.
func TestWhatIsWrittenArrivesAsItIs(t *testing.T) {
	texts := rapid.Map(rapid.SliceOfN(rapid.SampledFrom([]string{"{", "}", "{code}", "{refresh_token}", "{client_secret}", "{cause}", "a", "&", "="}), 1, 5),
		func(parts []string) string { return strings.Join(parts, "") })
	rapid.Check(t, func(t *rapid.T) {
		p := plain()
		p.ClientID, p.Scopes, p.Resources, p.RefreshSendsScope = texts.Draw(t, "client"), []string{texts.Draw(t, "scope")}, []string{texts.Draw(t, "resource")}, true
		p.RefreshParams = nil
		token := texts.Draw(t, "token")
		_, _, body := sentBy(t, oauth.Options{Profile: p}, func(c *oauth.Client) {
			c.Refresh(context.Background(), machine.Issuer{TokenEndpoint: p.Endpoints.Token, ClientID: p.ClientID}, secret.New(token), "")
		})
		form, err := url.ParseQuery(body)
		require.NoError(t, err)
		require.Equal(t, url.Values{
			"client_id": {p.ClientID}, "grant_type": {"refresh_token"}, "refresh_token": {token}, "scope": p.Scopes, "resource": p.Resources,
		}, form)
	})
}

func TestSecretIsAskedForOnceBeforeARefresh(t *testing.T) {
	p, asked := plain(), 0
	p.AuthMethod = profile.AuthPost
	o := oauth.Options{Profile: p, Secret: func(context.Context) (secret.Token, error) {
		asked++
		return secret.New("hunter22"), nil
	}}
	_, _, body := sentBy(t, o, func(c *oauth.Client) {
		bring, answer := c.Prepare(t.Context(), itsIssuer, machine.Provenance{})
		require.Nil(t, answer)
		c.Refresh(bring(t.Context()), itsIssuer, secret.New("r"), "")
	})
	require.Contains(t, body, "client_secret=hunter22")
	require.Equal(t, 1, asked)

	_, answer := oauth.New(oauth.Options{Profile: p}).Prepare(t.Context(), itsIssuer, machine.Provenance{Issuer: "https://id.example/"})
	require.Equal(t, endpoint.Unavailable{Evidence: evidence.Evidence{Problem: evidence.ProblemClientSecret}}, answer)
	_, answer = oauth.New(o).Prepare(t.Context(), machine.Issuer{ClientID: "another"}, machine.Provenance{})
	require.Equal(t, endpoint.Misconfigured{Evidence: evidence.Evidence{Problem: evidence.ProblemOtherProfile}}, answer)
	_, answer = oauth.New(o).Prepare(t.Context(), itsIssuer, machine.Provenance{Issuer: "https://id.example"})
	require.Equal(t, endpoint.Misconfigured{Evidence: evidence.Evidence{Problem: evidence.ProblemOtherProfile}}, answer, "a slash makes another issuer")
	bring, answer := oauth.New(oauth.Options{Profile: plain()}).Prepare(t.Context(), itsIssuer, machine.Provenance{Issuer: "https://id.example/"})
	require.Nil(t, answer)
	require.Nil(t, bring, "a public client needs nothing")
}

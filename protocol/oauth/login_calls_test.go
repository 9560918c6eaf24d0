package oauth_test

import (
	"io"
	"net/http"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/evidence"
	"github.com/bezoar-auth/bezoar/machine/jwt"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/protocol/chatgpt"
	"github.com/bezoar-auth/bezoar/protocol/oauth"
	"github.com/bezoar-auth/bezoar/protocol/oauth/issuer"
)

const callback = "http://127.0.0.1:1455/auth/callback"

func TestVerifierAndStateHaveCodexsLength(t *testing.T) {
	require.Len(t, oauth.NewVerifier().Reveal(), 86)
	require.Len(t, oauth.NewState().Reveal(), 43)
	require.False(t, oauth.NewVerifier().Equal(oauth.NewVerifier()))
	require.False(t, oauth.NewState().Equal(oauth.NewState()))
}

func TestChallengeIsThatOfRFC7636AppendixB(t *testing.T) {
	verifier := secret.New("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")
	require.Equal(t, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", oauth.Challenge(verifier))
}

func TestAuthorizeURLIsThatOfCodex(t *testing.T) {
	_, client := pair(issuer.Options{})
	client.Introduce("my client", "x")
	request := oauth.Authorization{
		RedirectURI: callback, State: secret.New("state"), Verifier: secret.New("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
	}
	want := "https://issuer.test/oauth/authorize?response_type=code&client_id=app_EMoamEEZ73f0CkXaXp7hrann" +
		"&redirect_uri=http%3A%2F%2F127.0.0.1%3A1455%2Fauth%2Fcallback" +
		"&scope=openid+profile+email+offline_access+api.connectors.read+api.connectors.invoke" +
		"&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256" +
		"&id_token_add_organizations=true&codex_cli_simplified_flow=true&state=state&originator=my+client"
	require.Equal(t, want, client.AuthorizeURL(request))
	request.Workspaces = []string{"a", "b&c"}
	require.Equal(t, want+"&allowed_workspace_id=a%2Cb%26c", client.AuthorizeURL(request))
}

// authorized runs a login up to the exchange of its code.
func authorized(t *testing.T, i *issuer.Issuer, client *oauth.Client) oauth.Code {
	verifier, state := oauth.NewVerifier(), oauth.NewState()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet,
		client.AuthorizeURL(oauth.Authorization{RedirectURI: callback, State: state, Verifier: verifier}), nil)
	require.NoError(t, err)
	response, err := i.Transport().RoundTrip(request)
	require.NoError(t, err)
	back, err := url.Parse(response.Header.Get("Location"))
	require.NoError(t, err)
	require.True(t, state.Equal(secret.New(back.Query().Get("state"))))
	return oauth.Code{Code: secret.New(back.Query().Get("code")), RedirectURI: callback, Verifier: verifier}
}

func TestCodeIsExchangedForATokenSetThatWorks(t *testing.T) {
	i, client := pair(issuer.Options{AutoConsent: true})
	code := authorized(t, i, client)
	grant, err := client.Exchange(t.Context(), code)
	require.NoError(t, err)
	require.True(t, i.IsAlive(grant.RefreshToken))
	said, err := jwt.Parse(grant.IDToken, chatgpt.Claims)
	require.NoError(t, err)
	require.Equal(t, "ada@example.com", said.Email)
	require.Equal(t, "account-ada", said.AccountID)

	exchange := i.Requests(issuer.Exchange)[0]
	require.Equal(t, "application/x-www-form-urlencoded", exchange.Header.Get("Content-Type"))
	form, err := url.ParseQuery(exchange.Body.Reveal())
	require.NoError(t, err)
	for name, want := range map[string]string{
		"grant_type": "authorization_code", "code": code.Code.Reveal(), "redirect_uri": callback,
		"client_id": oauth.DefaultClientID, "code_verifier": code.Verifier.Reveal(),
	} {
		require.True(t, form.Get(name) == want, name)
		form.Del(name)
	}
	require.Empty(t, form)

	key, err := client.ExchangeKey(t.Context(), grant.IDToken)
	require.NoError(t, err)
	require.Regexp(t, "^sk-", key.Reveal())

	_, err = client.Exchange(t.Context(), code)
	require.EqualError(t, err, "token endpoint returned status 400 Bad Request: The authorization code has already been used.")
	require.False(t, i.IsAlive(grant.RefreshToken), "a code that came twice left its login alive")
}

func TestRefusedExchangeSaysWhyWithoutWhatWasSent(t *testing.T) {
	code := oauth.Code{Code: secret.New("the-secret-code"), RedirectURI: callback, Verifier: secret.New("the-secret-verifier")}
	for body, detail := range map[string]string{
		`{"access_token":"a-token-in-the-wrong-place"}`:                            ": unknown error",
		`{"error":"invalid_grant","error_description":"bad code the-secret-code"}`: ": bad code [secret]",
		`{"error":{"code":"c","message":"a message"}}`:                             ": a message",
		`{"error":{"code":"only_a_code"}}`:                                         ": only_a_code",
		"plain\ntext the-secret-verifier":                                          ": plain text [secret]",
		"":                                                                         ": unknown error",
	} {
		i, client := pair(issuer.Options{})
		i.Script(issuer.Exchange, issuer.Step{Status: 400, Body: body})
		_, err := client.Exchange(t.Context(), code)
		require.EqualError(t, err, "token endpoint returned status 400 Bad Request"+detail)
		require.Len(t, i.Requests(), 1)
	}
}

func TestUnreadableAnswerIsNoMissingAnswer(t *testing.T) {
	i, client := pair(issuer.Options{})
	calls := map[issuer.Call]func() error{
		issuer.Exchange:    func() error { _, err := client.Exchange(t.Context(), oauth.Code{}); return err },
		issuer.KeyExchange: func() error { _, err := client.ExchangeKey(t.Context(), secret.New("i")); return err },
		issuer.UserCode:    func() error { _, err := client.StartDevice(t.Context()); return err },
	} // a device poll goes on after each of these
	for call, do := range calls {
		for _, body := range []string{"", "{}", "[]", `{"access_token":7,"interval":"x","user_code":"","authorization_code":null}`} {
			i.Script(call, issuer.Step{Status: 200, Body: body})
			require.ErrorIs(t, do(), oauth.ErrUnreadable, "%s: %q", call, body)
		}
		i.Script(call, issuer.Step{Drop: issuer.DropAnswer}, issuer.Step{Status: 200, Body: "{}{}", Drop: issuer.DropHalf})
		for range 2 {
			var unreachable *oauth.UnreachableError
			require.ErrorAs(t, do(), &unreachable)
			require.Equal(t, oauth.UnreachableError{Problem: evidence.ProblemConnectionBroken, Sent: true}, *unreachable)
		}
	}
	i.Script(issuer.KeyExchange, issuer.Step{Status: 403})
	require.EqualError(t, calls[issuer.KeyExchange](), "api key exchange failed with status 403 Forbidden")
}

func TestDeviceLoginIsPolledUntilTheUserDecides(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i, client := pair(issuer.Options{PollInterval: 5 * time.Second})
		device, err := client.StartDevice(t.Context())
		require.NoError(t, err)
		require.Equal(t, 5*time.Second, device.Interval)
		require.Equal(t, issuerURL+"/codex/device", device.VerificationURL)
		poll := func() oauth.DeviceAnswer {
			answer, err := client.PollDevice(t.Context(), device)
			require.NoError(t, err)
			return answer
		}
		require.Equal(t, oauth.DevicePending{}, poll())
		require.Equal(t, oauth.DevicePending{SlowDown: true}, poll())
		time.Sleep(5 * time.Second)
		require.Equal(t, oauth.DevicePending{}, poll())
		require.True(t, i.Approve(device.UserCode))
		time.Sleep(5 * time.Second)
		grant, err := client.Exchange(t.Context(), poll().(oauth.DeviceApproved).Code)
		require.NoError(t, err)
		require.True(t, i.IsAlive(grant.RefreshToken))

		start, polled := i.Requests(issuer.UserCode)[0], i.Requests(issuer.DevicePoll)[0]
		require.Equal(t, `{"client_id":"app_EMoamEEZ73f0CkXaXp7hrann"}`, start.Body.Reveal())
		want := `{"device_auth_id":"` + device.ID.Reveal() + `","user_code":"` + device.UserCode + `"}`
		require.True(t, polled.Body.Equal(secret.New(want)))
	})
}

func TestEveryAnswerToADevicePollHasItsMeaning(t *testing.T) {
	undecided := oauth.DevicePending{Undecided: true}
	pending, slower, refused := oauth.DevicePending{}, oauth.DevicePending{SlowDown: true}, "device auth failed with status "
	for name, row := range map[string]struct {
		step   issuer.Step
		answer oauth.DeviceAnswer
		err    string
	}{
		"403":                   {step: issuer.Step{Status: 403}, answer: pending},
		"404":                   {step: issuer.Step{Status: 404}, answer: pending},
		"authorization_pending": {step: issuer.Step{Status: 400, Body: `{"error":"authorization_pending"}`}, answer: pending},
		"slow_down":             {step: issuer.Step{Status: 400, Body: `{"error":"slow_down"}`}, answer: slower},
		"403 slow_down":         {step: issuer.Step{Status: 403, Body: `{"error":{"code":"slow_down"}}`}, answer: slower},
		"429": {step: issuer.Step{Status: 429, Header: http.Header{"Retry-After": {"30"}}},
			answer: oauth.DevicePending{SlowDown: true, RetryAfter: 30 * time.Second}},
		"400":              {step: issuer.Step{Status: 400}, err: refused + "400 Bad Request"},
		"401":              {step: issuer.Step{Status: 401}, err: refused + "401 Unauthorized"},
		"500":              {step: issuer.Step{Status: 500}, answer: undecided},
		"500 server_error": {step: issuer.Step{Status: 500, Body: `{"error":"server_error"}`}, answer: undecided},
		"502 with a page":  {step: issuer.Step{Status: 502, Body: "<html>"}, answer: undecided},
		"408":              {step: issuer.Step{Status: 408}, answer: undecided},
		"425":              {step: issuer.Step{Status: 425}, answer: undecided},
		"400 with a page":  {step: issuer.Step{Status: 400, Body: "<html>"}, answer: undecided},
		"401 with a page":  {step: issuer.Step{Status: 401, Body: "<html>"}, answer: undecided},
		"200 with a page":  {step: issuer.Step{Status: 200, Body: "<html>"}, answer: undecided},
		"200 with nothing": {step: issuer.Step{Status: 200, Body: "{}"}, answer: undecided},
		"302":              {step: issuer.Step{Status: 302}, answer: undecided},
		"503": {step: issuer.Step{Status: 503, Header: http.Header{"Retry-After": {"9"}}},
			answer: oauth.DevicePending{Undecided: true, RetryAfter: 9 * time.Second}},
		"200 slow_down":     {step: issuer.Step{Status: 200, Body: `{"error":"slow_down"}`}, answer: slower},
		"200 pending":       {step: issuer.Step{Status: 200, Body: `{"error":"authorization_pending"}`}, answer: pending},
		"200 access_denied": {step: issuer.Step{Status: 200, Body: `{"error":"access_denied"}`}, err: refused + "200 OK"},
		"403 access_denied": {step: issuer.Step{Status: 403, Body: `{"error":"access_denied"}`}, err: refused + "403 Forbidden"},
		"expired_token":     {step: issuer.Step{Status: 400, Body: `{"error":"expired_token"}`}, err: refused + "400 Bad Request"},
	} {
		t.Run(name, func(t *testing.T) {
			i, client := pair(issuer.Options{})
			i.Script(issuer.DevicePoll, row.step)
			answer, err := client.PollDevice(t.Context(), oauth.Device{ID: secret.New("d"), UserCode: "U"})
			require.Equal(t, row.answer, answer)
			if row.err == "" {
				require.NoError(t, err)
			} else {
				require.EqualError(t, err, row.err)
			}
			require.Len(t, i.Requests(), 1)
		})
	}
}

func TestDeviceLoginMayBeMissingOrRefused(t *testing.T) {
	i, client := pair(issuer.Options{})
	i.Script(issuer.UserCode, issuer.Step{Status: 404}, issuer.Step{Status: 500})
	_, err := client.StartDevice(t.Context())
	require.ErrorIs(t, err, oauth.ErrNoDeviceLogin)
	_, err = client.StartDevice(t.Context())
	require.EqualError(t, err, "device code request failed with status 500 Internal Server Error")
}

func TestIntervalIsReadInBothDialects(t *testing.T) {
	for interval, want := range map[string]time.Duration{
		`,"interval":"7"`: 7 * time.Second, `,"interval":7`: 7 * time.Second, `,"interval":" 0 "`: 0, "": 5 * time.Second,
		`,"interval":null`: 5 * time.Second, `,"interval":"99999999999999999999"`: time.Hour,
	} {
		i, client := pair(issuer.Options{})
		i.Script(issuer.UserCode, issuer.Step{Status: 200, Body: `{"device_auth_id":"d","usercode":"U"` + interval + `}`})
		device, err := client.StartDevice(t.Context())
		require.NoError(t, err, interval)
		require.Equal(t, want, device.Interval, interval)
		require.Equal(t, "U", device.UserCode)
	}
}

func TestEveryCallOfALoginNamesItsClient(t *testing.T) {
	i := issuer.New(issuer.Options{})
	o := options(i.Transport())
	o.Profile.ClientID = "app_mine"
	client := oauth.New(o)
	client.StartDevice(t.Context()) // this issuer knows no client but Codex, and says so
	client.Exchange(t.Context(), oauth.Code{Code: secret.New("unknown"), Verifier: secret.New("v")})
	client.ExchangeKey(t.Context(), secret.New("unknown"))
	require.Len(t, i.Requests(), 3)
	for _, request := range i.Requests() {
		require.Contains(t, request.Body.Reveal(), "app_mine")
	}
	require.Contains(t, client.AuthorizeURL(oauth.Authorization{}), "client_id=app_mine&")
	require.Equal(t, machine.Provenance{Issuer: issuerURL, ClientID: "app_mine"}, client.Provenance())
}

func TestRevocationGoesToTheLoginsIssuer(t *testing.T) {
	for endpoint, want := range map[string]string{
		"http://127.0.0.1:4000/oauth/token":      "http://127.0.0.1:4000/oauth/revoke",
		"https://issuer.example/t/token?x=1":     "https://issuer.example/oauth/revoke",
		"https://[::1]:8443":                     "https://[::1]:8443/oauth/revoke",
		"https://issuer.example/a%2Fb/oauth/any": "https://issuer.example/oauth/revoke",
	} {
		var asked, body string
		client := oauth.New(options(transportFunc(func(request *http.Request) (*http.Response, error) {
			sent, err := io.ReadAll(request.Body)
			asked, body = request.URL.String(), string(sent)
			return &http.Response{StatusCode: 200, Header: http.Header{}, Body: http.NoBody}, err
		})))
		its := machine.Issuer{TokenEndpoint: endpoint, ClientID: "app_other"}
		require.NoError(t, client.Revoke(t.Context(), its, machine.Credential{RefreshToken: secret.New("r")}))
		require.Equal(t, want, asked)
		require.Contains(t, body, "app_other")
	}
}

func TestRevocationIsThatOfCodexAndEndsTheFamily(t *testing.T) {
	i, client := pair(issuer.Options{})
	grant := i.Login(issuer.Ada, time.Now())
	require.NoError(t, client.Revoke(t.Context(), names, machine.Credential{RefreshToken: grant.RefreshToken}))
	require.False(t, i.IsAlive(grant.RefreshToken))
	want := `{"token":"` + grant.RefreshToken.Reveal() + `","token_type_hint":"refresh_token","client_id":"app_EMoamEEZ73f0CkXaXp7hrann"}`
	require.True(t, i.Requests()[0].Body.Equal(secret.New(want)))

	require.NoError(t, client.Revoke(t.Context(), names, machine.Credential{AccessToken: secret.New("unknown")}))
	require.Equal(t, `{"token":"unknown","token_type_hint":"access_token"}`, i.Requests()[1].Body.Reveal())

	i.Script(issuer.Revoke, issuer.Step{Status: 500}, issuer.Step{Drop: issuer.DropAnswer})
	require.EqualError(t, client.Revoke(t.Context(), names, machine.Credential{RefreshToken: grant.RefreshToken}),
		"token revocation failed with status 500 Internal Server Error")
	require.EqualError(t, client.Revoke(t.Context(), names, machine.Credential{RefreshToken: grant.RefreshToken}),
		"the issuer gave no answer: connection broken")
}

package login

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/endpoint"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/protocol/oauth"
	"github.com/bezoar-auth/bezoar/protocol/oauth/issuer"
	"github.com/bezoar-auth/bezoar/protocol/profile"
)

// atPlain runs a test in a world whose issuer is a plain one, at a port that is known.
func atPlain(t *testing.T, p issuer.Plain, change func(*oauth.Options), test func(*testing.T, *world)) {
	synctest.Test(t, func(t *testing.T) {
		authority := issuer.New(issuer.Options{AutoConsent: true, Dialect: &p, AccessLifetime: time.Minute, PollInterval: 5 * time.Second})
		w := newWorldOf(t, authority, func(o *oauth.Options) {
			o.Profile, o.SendsIss = authority.Profile(), !p.NoIss
			o.Profile.RedirectPorts = []int{8400}
			o.Secret = func(context.Context) (secret.Token, error) { return secret.New(p.Secret), nil }
			if change != nil {
				change(o)
			}
		})
		test(t, w)
		require.NoError(t, w.manager.End(t.Context()))
		require.Zero(t, w.network.listeners(), "listeners left")
	})
}

// loggedIn is the login that a browser has made.
func (w *world) loggedIn() (machine.Credential, string) {
	attempt, back := w.started()
	require.Equal(w.testing, http.StatusFound, w.visit(back).status)
	w.open("http://" + back.Host + "/success")
	require.NoError(w.testing, attempt.Wait())
	return w.disk.saved[0], attempt.Note()
}

func TestLoginAtAnyIssuerHasWhatThatSays(t *testing.T) {
	for _, method := range []profile.AuthMethod{profile.AuthNone, profile.AuthBasic, profile.AuthPost} {
		atPlain(t, issuer.Plain{Method: method, Secret: "s:+&é"}, nil, func(t *testing.T, w *world) {
			saved, note := w.loggedIn()
			require.Empty(t, note)
			require.Equal(t, "user-ada", saved.AccountID)
			require.Equal(t, machine.Granted{Scope: "openid offline_access", TokenType: "Bearer", Email: "ada@example.com"}, saved.Granted)
			require.Equal(t, machine.Provenance{Issuer: "https://issuer.test", ClientID: oauth.DefaultClientID, TokenEndpoint: "https://issuer.test/token"}, saved.Provenance)
			require.Equal(t, w.issuer.Requests(issuer.Exchange)[0].At.Add(time.Minute), saved.ExpiresAt)
			require.True(t, saved.APIKey.IsAbsent())
			require.True(t, w.issuer.IsAlive(saved.RefreshToken))
			var calls []issuer.Call
			for _, each := range w.issuer.Requests() {
				calls = append(calls, each.Call)
			}
			require.Equal(t, []issuer.Call{issuer.Authorize, issuer.KeySet, issuer.Exchange}, calls)
		})
	}
}

func TestRedirectIsThatOfTheProfile(t *testing.T) {
	for redirect, host := range map[string]string{
		"http://127.0.0.1:{port}/callback": "127.0.0.1:8400", "http://localhost:{port}": "localhost:8400", "http://localhost:8400/success": "localhost:8400",
		"http://[::1]:{port}/": "[::1]:8400", "http://127.0.0.1:8400/cancel": "127.0.0.1:8400",
	} {
		t.Run(redirect, func(t *testing.T) {
			atPlain(t, issuer.Plain{}, func(o *oauth.Options) { o.Profile.RedirectURI = redirect }, func(t *testing.T, w *world) {
				attempt, back := w.started()
				require.Equal(t, host, back.Host)
				if back.Hostname() == "localhost" {
					back.Host = "127.0.0.1:8400"
				}
				answer := w.visit(back)
				require.Equal(t, http.StatusFound, answer.status)
				next, err := back.Parse(answer.header.Get("Location"))
				require.NoError(t, err)
				require.Empty(t, next.RawQuery, "the code is out of the address")
				require.Contains(t, w.open(next.String()).body, "You are logged in")
				require.NoError(t, attempt.Wait())
			})
		})
	}
}

// RFC 9207: the code of one issuer must not go to another.
func TestAnswerOfAnotherIssuerIsNotExchanged(t *testing.T) {
	for name, change := range map[string][]string{
		"another": {"iss", "https://evil.example"}, "with a slash": {"iss", "https://issuer.test/"}, "none": {"iss", ""},
		"of an error": {"iss", "", "code", "", "error", "access_denied"},
	} {
		atPlain(t, issuer.Plain{}, nil, func(t *testing.T, w *world) {
			attempt, back := w.started()
			w.visit(back, change...)
			var failed *FailedError
			require.ErrorAs(t, attempt.Wait(), &failed, name)
			require.Equal(t, "other_issuer", failed.Code)
			require.Empty(t, w.issuer.Requests(issuer.Exchange))
		})
	}
	atPlain(t, issuer.Plain{NoIss: true}, nil, func(t *testing.T, w *world) { w.loggedIn() })
	atPlain(t, issuer.Plain{NoIss: true}, nil, func(t *testing.T, w *world) {
		attempt, back := w.started()
		w.visit(back, "iss", "https://evil.example")
		require.Error(t, attempt.Wait())
	})
}

func TestIDTokenIsBelievedForThisLoginAlone(t *testing.T) {
	others := func(claims jwt.MapClaims) issuer.Plain { return issuer.Plain{IDTokenClaims: claims} }
	client := oauth.DefaultClientID
	for name, row := range map[string]struct {
		plain issuer.Plain
		want  oauth.IDTokenProblem // "" if it is accepted
	}{
		"its own":                        {others(nil), ""},
		"of another issuer":              {others(jwt.MapClaims{"iss": "https://issuer.test/"}), oauth.IDTokenOfOtherIssuer},
		"of no issuer":                   {others(jwt.MapClaims{"iss": nil}), oauth.IDTokenIncomplete},
		"for another client":             {others(jwt.MapClaims{"aud": "other"}), oauth.IDTokenForOthers},
		"for several, and us":            {others(jwt.MapClaims{"aud": []string{"other", client}, "azp": client}), ""},
		"for several, and another one":   {others(jwt.MapClaims{"aud": []string{"other", client}, "azp": "other"}), oauth.IDTokenForOthers},
		"for several, who does not say":  {others(jwt.MapClaims{"aud": []string{"other", client}}), oauth.IDTokenForOthers},
		"for us, and given to another":   {others(jwt.MapClaims{"azp": "other"}), oauth.IDTokenForOthers},
		"expired":                        {others(jwt.MapClaims{"exp": 946684800 - 301}), oauth.IDTokenExpired}, // the bubble begins in 2000
		"expired, by a clock that is so": {others(jwt.MapClaims{"exp": 946684800 - 200}), ""},
		"without an end":                 {others(jwt.MapClaims{"exp": nil}), oauth.IDTokenIncomplete},
		"of another login":               {others(jwt.MapClaims{"nonce": "guessed"}), oauth.IDTokenOfOtherLogin},
		"of no login":                    {others(jwt.MapClaims{"nonce": nil}), oauth.IDTokenOfOtherLogin},
	} {
		t.Run(name, func(t *testing.T) {
			atPlain(t, row.plain, nil, func(t *testing.T, w *world) {
				attempt, back := w.started()
				w.visit(back)
				if row.want == "" {
					w.open("http://" + back.Host + "/success")
					require.NoError(t, attempt.Wait())
					return
				}
				var refused *oauth.IDTokenError
				require.ErrorAs(t, attempt.Wait(), &refused)
				require.Equal(t, row.want, refused.Problem)
				require.Empty(t, w.disk.logins())
				require.Len(t, w.issuer.Requests(issuer.Revoke), 1, "what is not kept is revoked")
				require.Equal(t, 1, w.issuer.Counts().Revoked)
			})
		})
	}
}

func TestForgedIDTokenIsNotBelieved(t *testing.T) {
	for name, forge := range map[string]func(claims jwt.MapClaims) string{
		"not signed": func(claims jwt.MapClaims) string {
			text, _ := jwt.NewWithClaims(jwt.SigningMethodNone, claims).SignedString(jwt.UnsafeAllowNoneSignatureType)
			return text
		},
		"signed with the client's secret": func(claims jwt.MapClaims) string {
			text, _ := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString([]byte("s"))
			return text
		},
		"no token": func(jwt.MapClaims) string { return "opaque" },
	} {
		atPlain(t, issuer.Plain{}, nil, func(t *testing.T, w *world) {
			attempt, back := w.started()
			opened, err := url.Parse(attempt.prompt.AuthURL)
			require.NoError(t, err)
			claims := jwt.MapClaims{"iss": "https://issuer.test", "aud": oauth.DefaultClientID, "sub": "x", "exp": time.Now().Add(time.Hour).Unix(), "nonce": opened.Query().Get("nonce")}
			w.issuer.Script(issuer.Exchange, issuer.Step{Status: 200, Body: `{"access_token":"a","id_token":"` + forge(claims) + `"}`})
			w.visit(back)
			var refused *oauth.IDTokenError
			require.ErrorAs(t, attempt.Wait(), &refused, name)
			require.Equal(t, oauth.IDTokenNotSigned, refused.Problem)
			require.Empty(t, w.disk.logins())
		})
	}
}

// The code is not spent before the keys are there.
func TestKeysThatCannotBeHadSpendNoCode(t *testing.T) {
	atPlain(t, issuer.Plain{}, nil, func(t *testing.T, w *world) {
		w.issuer.Script(issuer.KeySet, issuer.Step{Status: 503}, issuer.Step{Drop: issuer.DropAnswer})
		w.loggedIn()
		require.Len(t, w.issuer.Requests(issuer.KeySet), 3)
	})
	atPlain(t, issuer.Plain{}, nil, func(t *testing.T, w *world) {
		w.issuer.Always(issuer.KeySet, issuer.Step{Status: 503})
		attempt, back := w.started()
		w.visit(back)
		require.ErrorContains(t, attempt.Wait(), "https://issuer.test/keys answers with status 503")
		require.Empty(t, w.issuer.Requests(issuer.Exchange))
	})
}

func TestIDTokenIsReadOrLeftAloneAsTheProfileSays(t *testing.T) {
	for how, subject := range map[profile.IDToken]string{profile.IDTokenRead: "user-ada", profile.IDTokenNone: ""} {
		atPlain(t, issuer.Plain{IDTokenClaims: jwt.MapClaims{"iss": "https://other.example"}}, func(o *oauth.Options) { o.Profile.IDToken = how }, func(t *testing.T, w *world) {
			saved, _ := w.loggedIn()
			require.Equal(t, subject, saved.AccountID)
			require.Empty(t, w.issuer.Requests(issuer.KeySet))
		})
	}
	atPlain(t, issuer.Plain{}, func(o *oauth.Options) { o.Profile.Endpoints.Keys = "" }, func(t *testing.T, w *world) {
		attempt, back := w.started()
		w.visit(back)
		require.ErrorIs(t, attempt.Wait(), oauth.ErrNoKeys)
	})
	atPlain(t, issuer.Plain{}, func(o *oauth.Options) { o.Profile.Scopes = []string{"api"} }, func(t *testing.T, w *world) {
		saved, _ := w.loggedIn()
		require.Empty(t, saved.AccountID)
		require.True(t, saved.IDToken.IsAbsent())
	})
}

func TestLoginWithoutARefreshTokenSaysSo(t *testing.T) {
	atPlain(t, issuer.Plain{NoRefresh: true}, nil, func(t *testing.T, w *world) {
		saved, note := w.loggedIn()
		require.True(t, saved.RefreshToken.IsAbsent())
		require.Equal(t, "the issuer gave no refresh token: this login ends at 2000-01-01 00:01:00 UTC; offline_access was asked for; "+
			`some issuers want authorization_params = { prompt = "consent" } with it, or access_type = "offline"`, note)
	})
	atPlain(t, issuer.Plain{}, func(o *oauth.Options) { o.Profile.Scopes = []string{"openid"} }, func(t *testing.T, w *world) {
		_, note := w.loggedIn()
		require.Equal(t, "the issuer gave no refresh token: this login ends at 2000-01-01 00:01:00 UTC; ask for offline_access in the scopes of the profile", note)
	})
}

func TestDeviceLoginIsThatOfRFC8628(t *testing.T) {
	atPlain(t, issuer.Plain{}, nil, func(t *testing.T, w *world) {
		w.issuer.Script(issuer.DevicePoll, issuer.Step{}, issuer.Step{Status: 400, Body: `{"error":"slow_down"}`}, issuer.Step{Drop: issuer.DropRequest}, issuer.Step{Status: 500})
		attempt, prompt := w.startedDevice("")
		require.Equal(t, "https://issuer.test/pair", prompt.VerificationURL)
		require.Equal(t, "https://issuer.test/pair?user_code="+prompt.UserCode, prompt.CompleteURL)
		time.Sleep(time.Minute)
		require.True(t, w.issuer.Approve(prompt.UserCode))
		require.NoError(t, attempt.Wait())
		require.Equal(t, []time.Duration{5 * time.Second, 10 * time.Second, 20 * time.Second, 40 * time.Second}, w.pauses()[:4])
		saved := w.disk.saved[0]
		require.Equal(t, "user-ada", saved.AccountID)
		require.Equal(t, "openid offline_access", saved.Granted.Scope)
		require.True(t, w.issuer.IsAlive(saved.RefreshToken), "a second poll has ended it")
	})
}

// A poll that is repeated after a success ends the new login (panva), or tells it to another.
func TestDeviceLoginIsNotPolledAfterASuccess(t *testing.T) {
	atPlain(t, issuer.Plain{}, nil, func(t *testing.T, w *world) {
		early := issuer.Step{Status: 400, Body: `{"error":"authorization_pending"}`} // also if the user is faster than the first poll
		w.issuer.Script(issuer.DevicePoll, early, issuer.Step{Drop: issuer.DropHalf})
		attempt, prompt := w.startedDevice("")
		require.True(t, w.issuer.Approve(prompt.UserCode))
		require.ErrorContains(t, attempt.Wait(), "cannot be read")
		require.Len(t, w.issuer.Requests(issuer.DevicePoll), 2, "the first was too early")
	})
}

func TestDeviceLoginEndsAsTheIssuerSays(t *testing.T) {
	for body, want := range map[string]string{
		`{"error":"access_denied","error_description":"not you"}`: "device auth failed with status 400 Bad Request: not you",
		`{"error":"expired_token"}`:                               "device auth failed with status 400 Bad Request: expired_token",
		`{"error":"invalid_grant"}`:                               "device auth failed with status 400 Bad Request: invalid_grant",
	} {
		atPlain(t, issuer.Plain{}, nil, func(t *testing.T, w *world) {
			w.issuer.Script(issuer.DevicePoll, issuer.Step{Status: 400, Body: body})
			attempt, _ := w.startedDevice("")
			require.EqualError(t, attempt.Wait(), want)
		})
	}
	atPlain(t, issuer.Plain{}, func(o *oauth.Options) { o.Profile.DeviceFlow = profile.DeviceNone }, func(t *testing.T, w *world) {
		_, err := w.manager.Device().Prompt()
		require.EqualError(t, err, "failed to request device code: the issuer has no device code login")
	})
}

// A login that was made is refreshed at the issuer by the same client.
func TestLoginOfAnyIssuerIsRefreshed(t *testing.T) {
	atPlain(t, issuer.Plain{}, nil, func(t *testing.T, w *world) {
		saved, _ := w.loggedIn()
		its := machine.Policy{}.IssuerOf(saved)
		answer, ok := w.manager.options.Issuer.Refresh(t.Context(), its, saved.RefreshToken, endpoint.CauseExpiring).(endpoint.Issued)
		require.True(t, ok)
		require.True(t, w.issuer.IsAlive(answer.Response.RefreshToken))
		require.False(t, slices.ContainsFunc(w.issuer.Requests(issuer.Refresh), func(r issuer.Request) bool { return r.Reason != "" }), "of Codex alone")
	})
}

func TestLoginThatCannotBeSavedIsRevoked(t *testing.T) {
	for name, row := range map[string]struct {
		err     error
		revoked int
	}{
		"a full disk":             {&persist.NotDurableError{Err: errors.New("full")}, 1},
		"it may yet be saved":     {&persist.UnknownError{Err: errors.New("late")}, 0},
		"it may be saved as well": {context.DeadlineExceeded, 0},
	} {
		atPlain(t, issuer.Plain{}, nil, func(t *testing.T, w *world) {
			w.disk.err = row.err
			attempt, back := w.started()
			w.visit(back)
			require.ErrorIs(t, attempt.Wait(), row.err, name)
			require.Equal(t, row.revoked, w.issuer.Counts().Revoked, name)
		})
	}
}

func TestKeysThatHangCostACodeNoTime(t *testing.T) {
	atPlain(t, issuer.Plain{}, nil, func(t *testing.T, w *world) {
		w.issuer.Script(issuer.KeySet, issuer.Step{After: issuer.Pause{For: time.Hour}}, issuer.Step{After: issuer.Pause{For: time.Hour}})
		began := time.Now()
		w.loggedIn()
		require.Less(t, time.Since(began), time.Minute)
	})
}

package issuer_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"

	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/protocol/oauth"
	"github.com/bezoar-auth/bezoar/protocol/oauth/issuer"
)

// independent is a client from another project, with a login of Ada's
// whose access token has expired. It sends forms.
func independent(t *testing.T, i *issuer.Issuer, refresh secret.Token) oauth2.TokenSource {
	ctx := context.WithValue(t.Context(), oauth2.HTTPClient, &http.Client{Transport: i.Transport()})
	config := oauth2.Config{
		ClientID: oauth.DefaultClientID,
		Endpoint: oauth2.Endpoint{TokenURL: "https://issuer.test/oauth/token", AuthStyle: oauth2.AuthStyleInParams},
	}
	return config.TokenSource(ctx, &oauth2.Token{RefreshToken: refresh.Reveal(), Expiry: time.Unix(1, 0)})
}

func TestIndependentClientIsGrantedARefresh(t *testing.T) {
	i := issuer.New(issuer.Options{})
	first := i.Login(issuer.Ada, time.Now()).RefreshToken
	token, err := independent(t, i, first).Token()
	require.NoError(t, err)
	require.True(t, i.IsAlive(secret.New(token.RefreshToken)))
	require.False(t, i.IsAlive(first))
	require.Equal(t, issuer.Counts{Posts: 1, Grants: 1}, i.Counts())
	require.Equal(t, first.Fingerprint(), i.Requests()[0].Token)
}

func TestIndependentClientPostsADeadTokenEachTime(t *testing.T) {
	i := issuer.New(issuer.Options{})
	dead := i.Login(issuer.Ada, time.Now()).RefreshToken
	refresh(t, i, dead)
	source := independent(t, i, dead)
	for range 5 {
		_, err := source.Token()
		refusal, ok := errors.AsType[*oauth2.RetrieveError](err)
		require.True(t, ok)
		require.Equal(t, http.StatusUnauthorized, refusal.Response.StatusCode)
	}
	require.Equal(t, issuer.Counts{Posts: 6, Grants: 1, Replays: 5, Refusals: 5, Revoked: 1}, i.Counts())
}

// TestRefreshMayBeAForm is RFC 6749 section 6: only the members of the form count.
func TestRefreshMayBeAForm(t *testing.T) {
	const formType = "application/x-www-form-urlencoded"
	for name, test := range map[string]struct {
		contentType string
		change      url.Values
		status      int
	}{
		"as the RFC has it":    {formType, nil, 200},
		"with a charset":       {formType + "; charset=UTF-8", nil, 200},
		"with a scope":         {formType, url.Values{"scope": {"openid email"}}, 200},
		"of another client":    {formType, url.Values{"client_id": {"other"}}, 401},
		"of no client":         {formType, url.Values{"client_id": nil}, 401},
		"without a token":      {formType, url.Values{"refresh_token": nil}, 400},
		"of an unknown kind":   {formType, url.Values{"grant_type": {"password"}}, 400},
		"that says it is JSON": {"application/json", nil, 401},
	} {
		t.Run(name, func(t *testing.T) {
			i := issuer.New(issuer.Options{})
			token := i.Login(issuer.Ada, time.Now()).RefreshToken
			form := url.Values{
				"client_id": {oauth.DefaultClientID}, "grant_type": {"refresh_token"}, "refresh_token": {token.Reveal()},
			}
			for member, values := range test.change {
				form[member] = values
			}
			request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://issuer.test/oauth/token", strings.NewReader(form.Encode()))
			require.NoError(t, err)
			request.Header.Set("Content-Type", test.contentType)
			response, err := i.Transport().RoundTrip(request)
			require.NoError(t, err)
			require.Equal(t, test.status, response.StatusCode)
			require.Equal(t, test.status != 200, i.IsAlive(token), "a token is spent by a grant alone")
		})
	}
}

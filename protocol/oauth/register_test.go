package oauth_test

import (
	"errors"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine/evidence"
	"github.com/bezoar-auth/bezoar/protocol/oauth"
	"github.com/bezoar-auth/bezoar/protocol/profile"
)

// registrar answers registrations, and keeps what it was sent last.
type registrar struct {
	status     int
	says, sent string
	asked      int
}

func (r *registrar) RoundTrip(request *http.Request) (*http.Response, error) {
	r.asked++
	body, _ := io.ReadAll(request.Body)
	r.sent = request.Method + " " + request.URL.String() + " " + request.Header.Get("Content-Type") + " " + string(body)
	s := site{answers: answers{request.URL.EscapedPath(): says(r.status, "application/json", r.says)}}
	return s.RoundTrip(request)
}

var metadata = profile.Metadata{Issuer: "https://id.example", RegistrationEndpoint: "https://id.example/register"}

func register(t *testing.T, r http.RoundTripper, m profile.Metadata) (oauth.Registered, *oauth.RegistrationError) {
	made, err := oauth.New(oauth.Options{Transport: r}).Register(t.Context(), m, oauth.Registration{
		RedirectURIs: []string{"http://127.0.0.1:50123/callback"}, Scopes: []string{"files:read", "offline_access"},
	})
	if err == nil {
		return made, nil
	}
	failed, ok := errors.AsType[*oauth.RegistrationError](err)
	require.True(t, ok, "%v", err)
	return made, failed
}

func TestRegistrationAsksForAPublicClient(t *testing.T) {
	r := &registrar{status: 201, says: `{"client_id":"c1","client_id_issued_at":1}`}
	made, failed := register(t, r, metadata)
	require.Nil(t, failed)
	require.Equal(t, oauth.Registered{ClientID: "c1", AuthMethod: profile.AuthNone}, made)
	require.Equal(t, `POST https://id.example/register application/json {"client_name":"bezoar","application_type":"native","redirect_uris":["http://127.0.0.1:50123/callback"],`+
		`"grant_types":["authorization_code","refresh_token"],"response_types":["code"],"token_endpoint_auth_method":"none","scope":"files:read offline_access"}`, r.sent)
}

func TestIssuerMayInsistOnASecret(t *testing.T) {
	for text, want := range map[string]profile.AuthMethod{
		`{"client_id":"c","client_secret":"s","client_secret_expires_at":0}`:                                     profile.AuthBasic,
		`{"client_id":"c","client_secret":"s","token_endpoint_auth_method":"client_secret_post"}`:                profile.AuthPost,
		`{"client_id":"c","client_secret":"s","token_endpoint_auth_method":"none","client_secret_expires_at":1}`: profile.AuthNone,
	} {
		made, failed := register(t, &registrar{status: 200, says: text}, metadata)
		require.Nil(t, failed)
		require.Equal(t, want, made.AuthMethod)
		require.Equal(t, want == profile.AuthNone, made.Secret.IsEmpty())
		require.True(t, made.ExpiresAt.IsZero())
	}
	made, _ := register(t, &registrar{status: 201, says: `{"client_id":"c","client_secret":"s","client_secret_expires_at":1893456000}`}, metadata)
	require.Equal(t, time.Unix(1893456000, 0), made.ExpiresAt)
}

func TestRefusedRegistrationIsExplained(t *testing.T) {
	for name, row := range map[string]struct {
		status  int
		says    string
		problem oauth.RegistrationProblem
		text    string
	}{
		"in words":       {400, `{"error":"invalid_redirect_uri","error_description":"no\nloopback"}`, oauth.RegistrationRefused, "https://id.example does not register this program (status 400, invalid_redirect_uri: no loopback)"},
		"without":        {401, ``, oauth.RegistrationRefused, "https://id.example does not register this program (status 401)"},
		"no client":      {201, `{}`, oauth.RegistrationUnknown, "https://id.example has answered the registration with something that cannot be read (status 201)"},
		"no JSON":        {201, `<html>`, oauth.RegistrationUnknown, "https://id.example has answered the registration with something that cannot be read (status 201)"},
		"unknown method": {201, `{"client_id":"c","token_endpoint_auth_method":"private_key_jwt"}`, oauth.RegistrationUnknown, "https://id.example has answered the registration with something that cannot be read (status 201)"},
		"no secret":      {201, `{"client_id":"c","token_endpoint_auth_method":"client_secret_basic"}`, oauth.RegistrationUnknown, "https://id.example has answered the registration with something that cannot be read (status 201)"},
	} {
		r := &registrar{status: row.status, says: row.says}
		_, failed := register(t, r, metadata)
		require.Equal(t, row.problem, failed.Problem, name)
		require.Equal(t, row.text, failed.Error(), name)
		require.Equal(t, 1, r.asked, name)
	}
	_, failed := register(t, silentNetwork{}, metadata)
	require.Equal(t, "https://id.example has not answered the registration: "+evidence.ProblemConnectionBroken.Error(), failed.Error())
}

type silentNetwork struct{}

func (silentNetwork) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, io.ErrUnexpectedEOF
}

func TestRegistrationGoesToNoPlainAddressAndNotHere(t *testing.T) {
	for _, address := range []string{"", "http://id.example/register", "http://127.0.0.1:9/register", "https://localhost/register", "https://u:p@id.example/r"} {
		r := &registrar{status: 201, says: `{"client_id":"c"}`}
		_, failed := register(t, r, profile.Metadata{Issuer: "https://id.example", RegistrationEndpoint: address})
		require.Equal(t, oauth.NoRegistration, failed.Problem, address)
		require.Equal(t, "https://id.example does not let programs register themselves", failed.Error())
		require.Zero(t, r.asked)
	}
	r := &registrar{status: 201, says: `{"client_id":"c"}`}
	_, failed := register(t, r, profile.Metadata{Issuer: "http://127.0.0.1:9", RegistrationEndpoint: "http://127.0.0.1:9/register"})
	require.Nil(t, failed)
}

package issuers

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/endpoint"
	"github.com/bezoar-auth/bezoar/machine/evidence"
	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/protocol/login"
	"github.com/bezoar-auth/bezoar/protocol/oauth"
	"github.com/bezoar-auth/bezoar/protocol/profile"
)

// profileOf is a profile as a user has it, at an issuer with this address.
func profileOf(address string) profile.Profile {
	return profile.Profile{
		Name: "real", Issuer: address, Discovery: profile.DiscoveryAuto, ClientID: "native", AuthMethod: profile.AuthNone,
		RequestEncoding: profile.Form, ExchangeEncoding: profile.Form, Scopes: []string{"openid", "email", "offline_access"},
		AuthorizationParams: map[string]string{"prompt": "consent"}, RedirectURI: "http://127.0.0.1:{port}/callback", RedirectPorts: []int{0},
		DeviceFlow: profile.DeviceAuto, IDToken: profile.IDTokenAuto, SubjectClaim: "/sub", EmailClaim: "/email",
		Expiry: []profile.ExpirySource{profile.ExpiresIn, profile.ExpClaim}, Rotation: profile.Rotating,
		Answers: profile.Answers{Standard: true, Bare401: profile.Misconfigured},
	}
}

// clientOf is a client of the issuer, whose metadata is asked for.
func clientOf(t *testing.T, p profile.Profile, proof string) *oauth.Client {
	metadata, err := oauth.New(oauth.Options{}).Discover(t.Context(), p)
	require.NoError(t, err)
	return oauth.New(oauth.Options{
		Profile: p, Endpoints: p.Endpoints.With(metadata), SendsIss: metadata.SendsIss,
		Secret: func(context.Context) (secret.Token, error) { return secret.New(proof), nil },
	})
}

// ofZitadel are what the user of its example types in.
var ofZitadel = map[string]string{"username": "test-user@127.0.0.1", "password": "verysecure"}

// loggedIn is a login that a person has made in a browser.
func loggedIn(t *testing.T, client *oauth.Client) machine.Credential {
	var saved machine.Credential
	manager := login.New(login.Options{Issuer: client, Save: func(_ context.Context, c machine.Credential) error {
		saved = c
		return nil
	}})
	attempt := manager.Browser()
	prompt, err := attempt.Prompt()
	require.NoError(t, err)
	require.Contains(t, newPerson(ofZitadel).opens(t, prompt.AuthURL), "You are logged in")
	require.NoError(t, attempt.Wait())
	require.Empty(t, attempt.Note())
	return saved
}

func refresh(t *testing.T, client *oauth.Client, held machine.Credential, token secret.Token) endpoint.Answer {
	return client.Refresh(t.Context(), machine.Policy{}.IssuerOf(held), token, endpoint.CauseExpiring)
}

// A login in a browser, with the issuer's name in the answer and the ID token verified; a
// refresh that rotates; reuse, which is refused; and a revocation.
func TestLoginOfRealIssuersLivesAndDies(t *testing.T) {
	each(t, func(t *testing.T, address string) {
		client := clientOf(t, profileOf(address), "")
		before := time.Now()
		held := loggedIn(t, client)
		require.NotEmpty(t, held.AccountID)
		require.Equal(t, address, held.Provenance.Issuer)
		require.WithinRange(t, held.ExpiresAt, before.Add(50*time.Second), time.Now().Add(5*time.Minute))
		require.Contains(t, held.Granted.Scope, "offline_access")
		require.Equal(t, "Bearer", held.Granted.TokenType)

		granted, ok := refresh(t, client, held, held.RefreshToken).(endpoint.Issued)
		require.True(t, ok)
		require.False(t, granted.Response.RefreshToken.Equal(held.RefreshToken), "it rotates")
		require.False(t, granted.Response.AccessToken.Equal(held.AccessToken))

		refused, ok := refresh(t, client, held, held.RefreshToken).(endpoint.Refused)
		require.True(t, ok)
		require.Equal(t, history.ReasonInvalidGrant, refused.Reason)
		require.Equal(t, evidence.Evidence{Status: 400, Code: "invalid_grant"}, refused.Evidence)

		another := loggedIn(t, client)
		require.NoError(t, client.Revoke(t.Context(), machine.Policy{}.IssuerOf(another), another))
		require.IsType(t, endpoint.Refused{}, refresh(t, client, another, another.RefreshToken))
		require.IsType(t, endpoint.Refused{}, refresh(t, client, another, secret.New("unknown")))
	})
}

// What the issuer says of a wrong client or a wrong request is no verdict: the right request
// is granted afterwards.
func TestMisconfigurationAtRealIssuersCondemnsNothing(t *testing.T) {
	each(t, func(t *testing.T, address string) {
		held := loggedIn(t, clientOf(t, profileOf(address), ""))
		for name, change := range map[string]func(*profile.Profile){
			"a JSON body": func(p *profile.Profile) { p.RequestEncoding = profile.JSON },
			"a broader scope": func(p *profile.Profile) {
				p.RefreshSendsScope, p.Scopes = true, []string{"openid", "offline_access", "email", "admin"}
			},
		} {
			p := profileOf(address)
			change(&p)
			answer := refresh(t, clientOf(t, p, "wrong"), held, held.RefreshToken)
			require.IsType(t, endpoint.Misconfigured{}, answer, name)
			require.False(t, answer.(endpoint.Misconfigured).Unexplained, name)
		}
		require.IsType(t, endpoint.Issued{}, refresh(t, clientOf(t, profileOf(address), ""), held, held.RefreshToken))
	})
}

// An unknown client is an error of the server at zitadel's example; a wrong secret is not.
func TestWrongSecretIsMisconfiguredAtRealIssuers(t *testing.T) {
	each(t, func(t *testing.T, address string) {
		p := profileOf(address)
		p.ClientID, p.AuthMethod = "basic", profile.AuthBasic
		if isZitadel(address) {
			p.ClientID = "web"
		}
		client := clientOf(t, p, "wrong")
		its := machine.Policy{}.IssuerOf(machine.Credential{Provenance: client.Provenance()})
		answer := client.Refresh(t.Context(), its, secret.New("r"), "")
		require.Equal(t, endpoint.Misconfigured{Evidence: evidence.Evidence{Status: 401, Code: "invalid_client"}}, answer)
	})
}

// isZitadel reports whether an issuer is zitadel's: its name ends with a slash.
func isZitadel(address string) bool { return strings.HasSuffix(address, "/") }

func TestConfidentialClientsOfPanvaProveWhoTheyAre(t *testing.T) {
	each(t, func(t *testing.T, address string) {
		if isZitadel(address) {
			return // its example wants the very port that was registered for such a client
		}
		for id, method := range map[string]profile.AuthMethod{"basic": profile.AuthBasic, "post": profile.AuthPost} {
			p := profileOf(address)
			p.ClientID, p.AuthMethod = id, method
			held := loggedIn(t, clientOf(t, p, "s:e&cret+%"))
			wrong, ok := refresh(t, clientOf(t, p, "wrong"), held, held.RefreshToken).(endpoint.Misconfigured)
			require.True(t, ok)
			require.Equal(t, evidence.Evidence{Status: 401, Code: "invalid_client"}, wrong.Evidence)
			require.IsType(t, endpoint.Issued{}, refresh(t, clientOf(t, p, "s:e&cret+%"), held, held.RefreshToken))
		}
	})
}

func TestLoginAtPanvaWithoutOfflineAccessSaysSo(t *testing.T) {
	each(t, func(t *testing.T, address string) {
		p := profileOf(address)
		p.Scopes = []string{"openid", "email"}
		manager := login.New(login.Options{Issuer: clientOf(t, p, ""), Save: func(context.Context, machine.Credential) error { return nil }})
		attempt := manager.Browser()
		prompt, err := attempt.Prompt()
		require.NoError(t, err)
		newPerson(ofZitadel).opens(t, prompt.AuthURL)
		require.NoError(t, attempt.Wait())
		require.Contains(t, attempt.Note(), "the issuer gave no refresh token: this login ends at ")
	})
}

// zitadel's example never ends a device login: it looks for a user whose name is an id.
func TestDeviceLoginAtPanvaIsGrantedOnce(t *testing.T) {
	each(t, func(t *testing.T, address string) {
		if isZitadel(address) {
			return
		}
		client := clientOf(t, profileOf(address), "")
		device, err := client.StartDevice(t.Context())
		require.NoError(t, err)
		require.Equal(t, 5*time.Second, device.Interval, "it names none")
		answer, err := client.PollDevice(t.Context(), device)
		require.NoError(t, err)
		require.Equal(t, oauth.DevicePending{}, answer)
		newPerson(nil).opens(t, device.CompleteURL)
		answer, err = client.PollDevice(t.Context(), device)
		require.NoError(t, err)
		granted := answer.(oauth.DeviceGranted).Response
		its := machine.Policy{}.IssuerOf(machine.Credential{Provenance: client.Provenance()})
		renewed, ok := client.Refresh(t.Context(), its, granted.RefreshToken, "").(endpoint.Issued)
		require.True(t, ok)

		_, err = client.PollDevice(t.Context(), device)
		_, isRefused := errors.AsType[*oauth.StatusError](err)
		require.True(t, isRefused)
		require.IsType(t, endpoint.Refused{}, client.Refresh(t.Context(), its, renewed.Response.RefreshToken, ""), "a second poll ends the login: bezoar makes none")
	})
}

package issuer_test

import (
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/endpoint"
	"github.com/bezoar-auth/bezoar/machine/evidence"
	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/machine/jwt"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/protocol/chatgpt"
	"github.com/bezoar-auth/bezoar/protocol/oauth"
	"github.com/bezoar-auth/bezoar/protocol/oauth/issuer"
	"github.com/bezoar-auth/bezoar/protocol/profile"
)

var names = machine.Issuer{TokenEndpoint: "https://issuer.test/oauth/token", ClientID: oauth.DefaultClientID}

func clientOf(transport http.RoundTripper) *oauth.Client {
	return oauth.New(oauth.Options{
		Profile: profile.CodexAt("https://issuer.test"), Transport: transport,
	})
}

func refresh(t *testing.T, i *issuer.Issuer, token secret.Token) endpoint.Answer {
	return clientOf(i.Transport()).Refresh(t.Context(), names, token, endpoint.CauseDemanded)
}

func TestSecondUseEndsTheFamilyButNoOther(t *testing.T) {
	i := issuer.New(issuer.Options{})
	mine, other := i.Login(issuer.Ada, time.Now()), i.Login(issuer.Ada, time.Now())
	next := refresh(t, i, mine.RefreshToken).(endpoint.Issued).Response
	require.True(t, i.IsAlive(next.RefreshToken))
	require.False(t, i.IsAlive(mine.RefreshToken))
	require.Equal(t, endpoint.Refused{Reason: history.ReasonReused}, bare(refresh(t, i, mine.RefreshToken)))
	require.Equal(t, endpoint.Refused{Reason: history.ReasonRevoked}, bare(refresh(t, i, next.RefreshToken)))
	require.True(t, i.IsAlive(other.RefreshToken))
	require.Equal(t, issuer.Counts{Posts: 3, Grants: 1, Replays: 1, Refusals: 2, Revoked: 1}, i.Counts())
}

func TestConcurrentRefreshesGetOneGrant(t *testing.T) {
	i := issuer.New(issuer.Options{})
	token := i.Login(issuer.Ada, time.Now()).RefreshToken
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() { refresh(t, i, token) })
	}
	all.Wait()
	require.Equal(t, issuer.Counts{Posts: 20, Grants: 1, Replays: 19, Refusals: 19, Revoked: 1}, i.Counts())
}

func TestLeewayRepeatsAnUnusedSuccessor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := issuer.New(issuer.Options{ReuseLeeway: 10 * time.Second})
		first := i.Login(issuer.Ada, time.Now()).RefreshToken
		next := refresh(t, i, first).(endpoint.Issued).Response
		time.Sleep(9 * time.Second)
		again := refresh(t, i, first).(endpoint.Issued).Response
		require.Equal(t, next.RefreshToken.Fingerprint(), again.RefreshToken.Fingerprint())
		refresh(t, i, next.RefreshToken)
		require.Equal(t, endpoint.Refused{Reason: history.ReasonReused}, bare(refresh(t, i, first)))

		second := i.Login(issuer.Ada, time.Now()).RefreshToken
		refresh(t, i, second)
		time.Sleep(10 * time.Second)
		require.Equal(t, endpoint.Refused{Reason: history.ReasonReused}, bare(refresh(t, i, second)))
	})
}

func TestTokensExpireByTheIssuersClock(t *testing.T) {
	now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	i := issuer.New(issuer.Options{
		Now: func() time.Time { return now }, AccessLifetime: 10 * time.Minute, RefreshLifetime: time.Hour,
	})
	grant := i.Login(issuer.Ada, now.Add(-30*time.Minute))
	said, err := jwt.Parse(grant.AccessToken, chatgpt.Claims)
	require.NoError(t, err)
	require.Equal(t, now.Add(-20*time.Minute), said.Expiry)
	require.Equal(t, "plus", said.PlanType)
	now = now.Add(29 * time.Minute)
	require.True(t, i.IsAlive(grant.RefreshToken))
	now = now.Add(time.Minute)
	require.Equal(t, endpoint.Refused{Reason: history.ReasonExpired}, bare(refresh(t, i, grant.RefreshToken)))
}

func TestAnotherClientIsRefused(t *testing.T) {
	i := issuer.New(issuer.Options{ClientID: "another-client"})
	token := i.Login(issuer.Ada, time.Now()).RefreshToken
	require.Equal(t, endpoint.Refused{Reason: history.ReasonUnexplained}, bare(refresh(t, i, token)))
	require.True(t, i.IsAlive(token))
}

func TestAnyTokenOfAFamilyEndsIt(t *testing.T) {
	i := issuer.New(issuer.Options{})
	grant := i.Login(issuer.Ada, time.Now())
	require.True(t, i.Revoke(grant.AccessToken))
	require.False(t, i.Revoke(grant.RefreshToken), "it ended twice")
	require.Equal(t, endpoint.Refused{Reason: history.ReasonRevoked}, bare(refresh(t, i, grant.RefreshToken)))
}

// bare is an answer without its evidence, which other tests check.
func bare(answer endpoint.Answer) endpoint.Answer {
	switch answer := answer.(type) {
	case endpoint.Refused:
		answer.Evidence = evidence.Evidence{}
		return answer
	case endpoint.Unavailable:
		answer.Evidence = evidence.Evidence{}
		return answer
	}
	return answer
}

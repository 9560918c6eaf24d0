package login

import (
	"net/http"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/jwt"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/protocol/oauth"
	"github.com/bezoar-auth/bezoar/protocol/oauth/issuer"
)

// owner is a user whose organization is not set up yet.
var owner = issuer.Account{
	ID: "acct_new", Email: "new@example.com", PlanType: "plus", UserID: "u9",
	Claims: map[string]any{
		"organization_id": "org-1", "project_id": "proj-1",
		"completed_platform_onboarding": false, "is_org_owner": true,
	},
}

// inWorld runs a test in a bubble with a world of its own. The bubble fails if a login has
// left a goroutine.
func inWorld(t *testing.T, test func(*testing.T, *world), change ...func(*Options)) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, change...)
		test(t, w)
		require.NoError(t, w.manager.End(t.Context()))
		require.Zero(t, w.network.listeners(), "listeners left")
	})
}

func TestBrowserLoginIsSavedBeforeTheSuccessPage(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.issuer.SetAccount(owner)
		attempt, back := w.started()
		require.Regexp(t, `^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`, attempt.ID)
		require.Empty(t, w.disk.logins())

		got := w.visit(back)
		require.Equal(t, http.StatusFound, got.status)
		require.Equal(t, []string{"acct_new"}, w.disk.logins())
		synctest.Wait()
		require.False(t, isOver(attempt), "before the browser was at /success")

		got = w.open(successAddress)
		require.Equal(t, http.StatusOK, got.status)
		require.Equal(t, "text/html; charset=utf-8", got.header.Get("Content-Type"))
		require.Regexp(t, "^<!doctype html>", got.body)
		require.NoError(t, attempt.Wait())
		_, err := w.ask(http.MethodGet, successAddress, nil)
		require.Error(t, err, "the port is free")
	})
}

func TestSavedCredentialHasTokensAndAPIKey(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.issuer.SetAccount(owner)
		w.issuer.Script(issuer.KeyExchange, issuer.Step{Status: 200, Body: `{"access_token":"sk-exchanged"}`})
		attempt, back := w.started()
		w.visit(back)
		saved := w.disk.saved[0]
		require.Equal(t, machine.MethodTokens, saved.Method)
		require.Equal(t, secret.New("sk-exchanged").Fingerprint(), saved.APIKey.Fingerprint())
		require.Equal(t, "acct_new", saved.AccountID)
		require.True(t, saved.LastRefresh.Equal(time.Now()))
		require.Equal(t, machine.Provenance{Issuer: issuerURL, ClientID: oauth.DefaultClientID}, saved.Provenance)
		require.Regexp(t, `^[A-Za-z0-9_-]{43}$`, saved.OwnerID)
		for _, token := range []secret.Token{saved.IDToken, saved.AccessToken, saved.RefreshToken} {
			require.False(t, token.IsEmpty())
		}
		w.open(successAddress)
		require.NoError(t, attempt.Wait())
	})
}

func TestLoginWithoutAnAPIKeyIsALogin(t *testing.T) {
	for name, step := range map[string]issuer.Step{
		"refused": {Status: 401},
		"empty":   {Status: 200, Body: `{}`},
		"hanging": {Before: issuer.Pause{For: time.Hour}},
		"dropped": {Drop: issuer.DropAnswer},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				w.issuer.Script(issuer.KeyExchange, step)
				attempt, back := w.started()
				require.Equal(t, http.StatusFound, w.visit(back).status)
				require.True(t, w.disk.saved[0].APIKey.IsAbsent())
				w.open(successAddress)
				require.NoError(t, attempt.Wait())
			})
		})
	}
}

func TestAddressAfterALoginHoldsNoToken(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.issuer.SetAccount(owner)
		_, back := w.started()
		location, err := url.Parse(w.visit(back).header.Get("Location"))
		require.NoError(t, err)
		require.Equal(t, "/success", location.Path)
		require.Equal(t, url.Values{
			"needs_setup": {"true"}, "org_id": {"org-1"}, "project_id": {"proj-1"},
			"plan_type": {"plus"}, "platform_url": {"https://platform.openai.com"},
		}, location.Query())
	})
}

func TestSetupIsForOwnersWhoHaveNotDoneIt(t *testing.T) {
	require.True(t, needsSetup(jwt.Organization{IsOwner: true}))
	require.False(t, needsSetup(jwt.Organization{IsOwner: true, IsOnboarded: true}))
	require.False(t, needsSetup(jwt.Organization{}))
}

func TestCallbackThatComesTwiceIsHarmless(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		attempt, back := w.started()
		first, second := w.visit(back), w.visit(back)
		require.Equal(t, http.StatusFound, second.status)
		require.Equal(t, first.header.Get("Location"), second.header.Get("Location"))
		require.Len(t, w.issuer.Requests(issuer.Exchange), 1)
		third := w.visit(back, "code", "", "error", "access_denied")
		require.Equal(t, http.StatusFound, third.status, "the login that succeeded stands")
		w.open(successAddress)
		require.NoError(t, attempt.Wait())
		require.Equal(t, 1, w.disk.calls)
	})
}

func TestCallbacksAtOnceShareOneExchange(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.issuer.Script(issuer.Exchange, issuer.Step{Before: issuer.Pause{For: 20 * time.Second}})
		attempt, back := w.started()
		answers := make(chan reply, 5)
		for range cap(answers) {
			go func() { answers <- w.visit(back) }()
		}
		for range cap(answers) {
			require.Equal(t, http.StatusFound, (<-answers).status)
		}
		require.Len(t, w.issuer.Requests(issuer.Exchange), 1)
		w.open(successAddress)
		require.NoError(t, attempt.Wait())
		require.Equal(t, 1, w.disk.calls)
	})
}

func TestCallbackWithAnotherStateChangesNothing(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		attempt, back := w.started()
		for _, state := range []string{"bad", "", back.Query().Get("state") + "x"} {
			got := w.visit(back, "state", state)
			require.Equal(t, http.StatusBadRequest, got.status)
			require.Equal(t, "State mismatch", got.body)
		}
		got := w.visit(back, "state", "bad", "error", "access_denied")
		require.Equal(t, http.StatusBadRequest, got.status)
		require.Equal(t, reply{status: http.StatusNotFound, header: nil, body: "Not Found"}, bare(w.open("http://127.0.0.1:1455/nope")))
		require.Equal(t, reply{status: http.StatusNotFound, header: nil, body: "Not Found"}, bare(w.open(successAddress)))
		require.False(t, isOver(attempt))
		require.Empty(t, w.issuer.Requests(issuer.Exchange))

		require.Equal(t, http.StatusFound, w.visit(back).status)
		w.open(successAddress)
		require.NoError(t, attempt.Wait())
	})
}

func bare(r reply) reply { return reply{status: r.status, body: r.body} }

func TestAbandonedBrowserDoesNotHoldUpASavedLogin(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		attempt, back := w.started()
		w.visit(back)
		savedAt := time.Now()
		require.NoError(t, attempt.Wait())
		require.LessOrEqual(t, time.Since(savedAt), successPageLimit+drainLimit)
	})
}

func TestClosedBrowserDoesNotEndTheExchange(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.issuer.Script(issuer.Exchange, issuer.Step{Before: issuer.Pause{For: 20 * time.Second}})
		attempt, back := w.started()
		conn, err := w.network.dial(t.Context(), "127.0.0.1:1455")
		require.NoError(t, err)
		_, err = conn.Write([]byte("GET " + back.RequestURI() + " HTTP/1.1\r\nHost: 127.0.0.1:1455\r\n\r\n"))
		require.NoError(t, err)
		synctest.Wait()
		require.NoError(t, conn.Close())
		require.NoError(t, attempt.Wait())
		require.Len(t, w.disk.logins(), 1)
	})
}

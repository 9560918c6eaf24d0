package login

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/protocol/oauth/issuer"
)

func TestRefusedLoginHasCodexsTextAndSavesNothing(t *testing.T) {
	for name, each := range map[string]struct {
		change []string // of the callback's query
		script issuer.Step
		want   string
		code   string
	}{
		"error with a description": {
			change: []string{"code", "", "error", "access_denied", "error_description", "No way <b>"},
			want:   "Sign-in failed: No way <b>", code: "access_denied",
		},
		"error without a description": {
			change: []string{"code", "", "error", "server_error"},
			want:   "Sign-in failed: server_error", code: "server_error",
		},
		"error beside a code": {
			change: []string{"error", "server_error", "error_description", "  "},
			want:   "Sign-in failed: server_error", code: "server_error",
		},
		"missing entitlement": {
			change: []string{"code", "", "error", "access_denied", "error_description", "Missing_codex_entitlement"},
			want:   "Codex is not enabled for your workspace. Contact your workspace administrator to request access to Codex.",
			code:   "access_denied",
		},
		"missing code": {
			change: []string{"code", ""},
			want:   "Missing authorization code. Sign-in could not be completed.", code: "missing_authorization_code",
		},
		"exchange refused": {
			script: issuer.Step{Status: 400, Body: `{"error":"invalid_grant","error_description":"bad code"}`},
			want:   "Token exchange failed: token endpoint returned status 400 Bad Request: bad code", code: "token_exchange_failed",
		},
		"exchange not answered": {
			script: issuer.Step{Drop: issuer.DropAnswer},
			want:   "Token exchange failed: the issuer gave no answer: connection broken", code: "token_exchange_failed",
		},
		"an ID token that is none": {
			script: issuer.Step{Status: 200, Body: `{"id_token":"opaque","access_token":"a","refresh_token":"r"}`},
			want:   "Token exchange failed: the issuer's answer cannot be read", code: "token_exchange_failed",
		},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				w.issuer.Script(issuer.Exchange, each.script)
				attempt, back := w.started()
				got := w.visit(back, each.change...)
				require.Equal(t, http.StatusOK, got.status)
				require.Equal(t, "text/html; charset=utf-8", got.header.Get("Content-Type"))
				require.Contains(t, got.body, each.code)
				require.EqualError(t, attempt.Wait(), "Login server error: "+each.want)
				failed := new(FailedError)
				require.ErrorAs(t, attempt.Wait(), &failed)
				require.Equal(t, each.code, failed.Code)
				require.Zero(t, w.disk.calls)
				require.Empty(t, w.issuer.Requests(issuer.KeyExchange))
			})
		})
	}
}

func TestLoginToAnotherWorkspaceIsNotSaved(t *testing.T) {
	for name, each := range map[string]struct {
		allowed []string
		account string
		want    string
	}{
		"one":     {[]string{"ws-forced"}, "acct_new", "Login is restricted to workspace id(s) ws-forced."},
		"several": {[]string{"ws-1", "ws-2"}, "acct_new", "Login is restricted to workspace id(s) ws-1, ws-2."},
		"unknown": {[]string{"ws-1"}, "", "Login is restricted to a specific workspace, but the token did not include an chatgpt_account_id claim."},
		"allowed": {[]string{"ws-1", "ws-2"}, "ws-2", ""},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				attempt := w.manager.Browser()
				prompt, err := attempt.Prompt()
				require.NoError(t, err)
				// An issuer that does not know of the restriction.
				w.issuer.SetAccount(issuer.Account{ID: each.account, UserID: "u", Claims: map[string]any{"chatgpt_account_id": each.account}})
				prompt.AuthURL = strings.Replace(prompt.AuthURL, "&allowed_workspace_id=", "&ignored=", 1)
				got := w.visit(w.consent(prompt))
				if each.want == "" {
					require.Equal(t, http.StatusFound, got.status)
					require.Equal(t, []string{each.account}, w.disk.logins())
					return
				}
				require.Contains(t, got.body, "workspace_restriction")
				require.EqualError(t, attempt.Wait(), "Login server error: "+each.want)
				require.Zero(t, w.disk.calls)
				require.Empty(t, w.issuer.Requests(issuer.KeyExchange))
			}, func(o *Options) { o.Restriction.Workspaces = each.allowed })
		})
	}
}

func TestLoginThatCannotBeSavedFails(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.disk.err = errDiskFull
		attempt, back := w.started()
		got := w.visit(back)
		require.Equal(t, http.StatusOK, got.status)
		require.Contains(t, got.body, "no space left on device")
		require.EqualError(t, attempt.Wait(), "Login server error: Sign-in completed but credentials could not be saved locally.")
		require.ErrorIs(t, attempt.Wait(), errDiskFull)
		require.Equal(t, 1, w.disk.calls)
	})
}

func TestWordsOfAnIssuerAreEscapedAndBounded(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		attempt, back := w.started()
		got := w.visit(back, "code", "", "error", "<script>alert(1)</script>", "error_description",
			"No way <b>\r\n\u202e\xff"+strings.Repeat("x", 10_000))
		require.Contains(t, got.body, "No way &lt;b&gt;")
		require.NotContains(t, got.body, "<script")
		require.NotContains(t, got.body, "\u202e")
		require.Less(t, len(got.body), 10_000)
		text := attempt.Wait().Error()
		require.Less(t, len(text), 1000)
		require.NotContains(t, text, "\n")
	})
}

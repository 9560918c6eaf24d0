package account

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/cli"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/session"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/view"
	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/machinetest"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/protocol/login"
	"github.com/bezoar-auth/bezoar/protocol/oauth"
	"github.com/bezoar-auth/bezoar/store/authjson"
	"github.com/bezoar-auth/bezoar/store/memory"
)

func TestLoginExplainsItsError(t *testing.T) {
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	key := machine.Credential{Method: machine.MethodAPIKey, APIKey: secret.New("sk-given")}
	for name, each := range map[string]struct {
		ctx    context.Context
		err    error
		stored bool
		text   string
		code   int
	}{
		"well":                      {err: nil, code: cli.ExitOK},
		"Ctrl-C":                    {ctx: cancelled, err: login.NotCompleted, text: "cancelled; nothing has changed", code: cli.ExitInterrupted},
		"Ctrl-C, and stored before": {ctx: cancelled, err: context.Canceled, stored: true, code: cli.ExitOK},
		"another login":             {err: login.Cancelled, text: "another login was started on this machine and took over the port", code: cli.ExitError},
		"another login, wrapped":    {err: fmt.Errorf("Login server error: %w", login.Cancelled), text: "another login was started", code: cli.ExitError},
		"denied on another device":  {err: &oauth.StatusError{Call: oauth.DevicePoll, Status: 400}, text: "the login was denied at the issuer, or the code has expired; nothing has changed", code: cli.ExitError},
		"denied":                    {err: fmt.Errorf("Login server error: %w", &login.FailedError{Code: "access_denied", Message: "Sign-in failed"}), text: "you or the issuer refused the login; nothing has changed", code: cli.ExitError},
		"slow disk, stored":         {err: &login.FailedError{Code: "persist_failed", Err: context.DeadlineExceeded}, stored: true, code: cli.ExitOK},
		"slow disk":                 {err: &login.FailedError{Code: "persist_failed", Err: context.DeadlineExceeded}, text: "the store is too slow", code: cli.ExitOperator},
		"full disk":                 {err: &login.FailedError{Code: "persist_failed", Err: &persist.NotDurableError{Err: errors.New("no space left")}}, text: "no space left", code: cli.ExitOperator},
	} {
		t.Run(name, func(t *testing.T) {
			s := &newLogin{&session.Session{Store: memory.NewStore()}, &key, func() {}}
			if each.stored {
				require.NoError(t, s.Store.Replace(t.Context(), key))
			}
			if each.ctx == nil {
				each.ctx = t.Context()
			}
			err := s.explained(each.ctx, each.err)
			if each.code == cli.ExitOK {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, each.text)
			require.NotContains(t, err.Error(), "context deadline")
			require.NotContains(t, err.Error(), "server error")
			require.Equal(t, each.code, cli.CodeFor(err))
		})
	}
}

// An issuer, or who writes the file, decides what an account is called.
func TestLoginNameIsLegible(t *testing.T) {
	named := machine.State{Account: machine.Account{Email: "ada\u202e@example.com", PlanType: "plus\x1b[2J"}}
	require.Equal(t, "as ada @example.com (plus [2J)", NameOf(named.Snapshot(), "ChatGPT"))
	named.Account.PlanType = ""
	require.Equal(t, "as ada @example.com", NameOf(named.Snapshot(), "ChatGPT"))
}

func TestLoginKnowsAPublishedHome(t *testing.T) {
	home, from := t.TempDir(), t.TempDir()
	var said strings.Builder
	env := cli.Environment{Stderr: &said}
	require.NoError(t, checkPublished(env, home))
	require.NoError(t, os.WriteFile(filepath.Join(home, view.PublishLock), []byte(from), 0o600))
	require.NoError(t, checkPublished(env, home))
	require.Contains(t, said.String(), home+" was published to from "+from)
	login, err := authjson.EncodePublished(machine.Credential{
		Method: machine.MethodExternal, IDToken: machinetest.Expiring("id", time.Now()), AccessToken: secret.New("access"), RefreshToken: secret.New(""),
	}, from)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(home, "auth.json"), login, 0o600))
	require.ErrorContains(t, checkPublished(env, home), "log in there, with bezoar login --home "+from)
}

// An issuer may give an address with the code in it (RFC 8628 section 3.3.1); Codex's has none.
func TestDevicePromptHasTheAddressWithTheCode(t *testing.T) {
	for _, complete := range []string{"", "https://issuer.test/pair?user_code=AB-CD"} {
		var out, told strings.Builder
		asJSON := true
		showCode(cli.Environment{Stdout: &out, Stderr: &told}, login.Prompt{
			VerificationURL: "https://issuer.test/pair", UserCode: "AB-CD", CompleteURL: complete,
		}, loginFlags{asJSON: &asJSON})()
		if complete == "" {
			require.JSONEq(t, `{"verificationUrl": "https://issuer.test/pair", "userCode": "AB-CD"}`, out.String())
			require.NotContains(t, told.String(), "has the code in it")
			continue
		}
		require.JSONEq(t, `{"verificationUrl": "https://issuer.test/pair", "userCode": "AB-CD", "verificationUrlComplete": "`+complete+`"}`, out.String())
		require.Contains(t, told.String(), "\n  "+complete+"\n")
	}
}

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/protocol/login"
	"github.com/bezoar-auth/bezoar/protocol/oauth/issuer"
	"github.com/bezoar-auth/bezoar/store/memory"
)

// TestDeviceLoginTellsAProgramWhatToShow leads a person through a login as a script
// does: from the first line of standard output, while the login waits.
func TestDeviceLoginTellsAProgramWhatToShow(t *testing.T) {
	person := issuer.New(issuer.Options{})
	server := httptest.NewServer(person)
	defer server.Close()
	command := exec.Command("bezoar", "login", "--device", "--json", "--home", t.TempDir())
	command.Env = append(os.Environ(), "BEZOAR_LOGIN_ISSUER="+server.URL, "BEZOAR_REFRESH_TOKEN_URL_OVERRIDE="+server.URL+"/oauth/token", "NO_PROXY=127.0.0.1")
	out, err := command.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, command.Start())
	overdue := time.AfterFunc(time.Minute, func() { command.Process.Kill() })
	defer overdue.Stop()

	lines := bufio.NewScanner(out)
	require.True(t, lines.Scan())
	var prompt devicePrompt
	require.NoError(t, json.Unmarshal(lines.Bytes(), &prompt))
	require.Equal(t, server.URL+"/codex/device", prompt.VerificationURL)
	person.Approve(prompt.UserCode)

	require.True(t, lines.Scan())
	var result loginReport
	require.NoError(t, json.Unmarshal(lines.Bytes(), &result))
	require.Equal(t, "chatgpt", result.Method)
	require.False(t, lines.Scan())
	require.NoError(t, command.Wait())
}

func TestTheEndOfALoginIsToldInWordsThatFit(t *testing.T) {
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
		"well":                      {err: nil, code: exitOK},
		"Ctrl-C":                    {ctx: cancelled, err: login.NotCompleted, text: "cancelled; nothing has changed", code: exitInterrupted},
		"Ctrl-C, and stored before": {ctx: cancelled, err: context.Canceled, stored: true, code: exitOK},
		"another login":             {err: login.Cancelled, text: "another login was started on this machine and took over the port", code: exitError},
		"another login, wrapped":    {err: fmt.Errorf("Login server error: %w", login.Cancelled), text: "another login was started", code: exitError},
		"denied":                    {err: fmt.Errorf("Login server error: %w", &login.FailedError{Code: "access_denied", Message: "Sign-in failed"}), text: "you or the issuer refused the login; nothing has changed", code: exitError},
		"slow disk, stored":         {err: &login.FailedError{Code: "persist_failed", Err: context.DeadlineExceeded}, stored: true, code: exitOK},
		"slow disk":                 {err: &login.FailedError{Code: "persist_failed", Err: context.DeadlineExceeded}, text: "the store is too slow", code: exitOperator},
		"full disk":                 {err: &login.FailedError{Code: "persist_failed", Err: &persist.NotDurableError{Err: errors.New("no space left")}}, text: "no space left", code: exitOperator},
	} {
		t.Run(name, func(t *testing.T) {
			s := &session{store: memory.NewStore(), given: &key}
			if each.stored {
				require.NoError(t, s.store.Replace(t.Context(), key))
			}
			if each.ctx == nil {
				each.ctx = t.Context()
			}
			err := s.explained(each.ctx, each.err)
			if each.code == exitOK {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, each.text)
			require.NotContains(t, err.Error(), "context deadline")
			require.NotContains(t, err.Error(), "server error")
			require.Equal(t, each.code, codeFor(err))
		})
	}
}

package main

import (
	"bufio"
	"encoding/json"
	"net/http/httptest"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/account"
	"github.com/bezoar-auth/bezoar/protocol/oauth/issuer"
)

// TestLoginPrintsTheDevicePromptAsJSON leads a person through a login as a script
// does: from the first line of standard output, while the login waits.
func TestLoginPrintsTheDevicePromptAsJSON(t *testing.T) {
	t.Parallel()
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
	var prompt account.DevicePrompt
	require.NoError(t, json.Unmarshal(lines.Bytes(), &prompt))
	require.Equal(t, server.URL+"/codex/device", prompt.VerificationURL)
	person.Approve(prompt.UserCode)

	require.True(t, lines.Scan())
	var result account.LoginReport
	require.NoError(t, json.Unmarshal(lines.Bytes(), &result))
	require.Equal(t, "chatgpt", result.Method)
	require.False(t, lines.Scan())
	require.NoError(t, command.Wait())
}

package mcp

import (
	"bufio"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/store/accountjson"
)

// run runs bezoar on the home to its end.
func (w *world) run(words ...string) (code int, out, said string) {
	process := exec.Command(w.program, append(words, "--home", w.home)...)
	var stdout, stderr strings.Builder
	process.Stdout, process.Stderr = &stdout, &stderr
	_ = process.Run()
	return process.ProcessState.ExitCode(), stdout.String(), stderr.String()
}

// logIn logs in at the resource, as a user with a browser does.
func (w *world) logIn(flags ...string) {
	process := exec.Command(w.program, append([]string{"login", "--resource", w.address, "--no-browser", "--home", w.home}, flags...)...)
	said, err := process.StderrPipe()
	require.NoError(w.t, err)
	require.NoError(w.t, process.Start())
	all := ""
	for lines := bufio.NewScanner(said); lines.Scan(); {
		all += lines.Text() + "\n"
		if address := strings.TrimSpace(lines.Text()); strings.HasPrefix(address, w.at+"/authorize?") {
			response, err := http.Get(address)
			require.NoError(w.t, err)
			_, _ = io.Copy(io.Discard, response.Body)
			response.Body.Close()
		}
	}
	require.NoError(w.t, process.Wait(), "%s", all)
	w.read()
}

// read reads the login of the account.
func (w *world) read() {
	found, err := filepath.Glob(filepath.Join(w.home, "accounts", "*", "login.json"))
	require.NoError(w.t, err)
	require.Len(w.t, found, 1)
	text, err := os.ReadFile(found[0])
	require.NoError(w.t, err)
	w.login, err = accountjson.Decode(text)
	require.NoError(w.t, err)
}

// expire has the stored login say that its access token has expired.
func (w *world) expire() {
	w.login.ExpiresAt = time.Now().Add(-time.Minute)
	text, err := accountjson.Encode(w.login, nil)
	require.NoError(w.t, err)
	found, err := filepath.Glob(filepath.Join(w.home, "accounts", "*", "login.json"))
	require.NoError(w.t, err)
	require.NoError(w.t, os.WriteFile(found[0], text, 0o600))
}

// kill has the gate refuse the access token of the login from now on.
func (w *world) kill() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.dead[w.login.AccessToken.Fingerprint()] = true
}

func TestLoginAtAResourceIsOneCommand(t *testing.T) {
	w := newWorld(t, "stateful")
	require.Equal(t, "registered", w.login.Provenance.ClientID)
	require.Equal(t, w.at+"/token", w.login.Provenance.TokenEndpoint)
	require.False(t, w.login.RefreshToken.IsEmpty())
	require.Equal(t, "files offline_access", w.login.Granted.Scope)
	for _, each := range w.issuer.Requests("exchange of a code") {
		require.Contains(t, each.Body.Reveal(), "resource=http%3A%2F%2F127.0.0.1")
	}
	code, out, said := w.run("token", "--resource", w.address)
	require.Equal(t, 0, code, said)
	require.Equal(t, w.login.AccessToken.Reveal()+"\n", out)
	code, _, said = w.run("status", "--resource", w.address)
	require.Equal(t, 0, code, said)

	w.logIn("--scope", "mail")
	require.Equal(t, 1, w.registered, "the client is the one of before")
	require.Equal(t, "files offline_access mail", w.login.Granted.Scope)

	code, _, said = w.run("accounts", "rename", "127-0-0-1", "files")
	require.Equal(t, 0, code, said)
	w.logIn()
	require.Equal(t, 1, w.registered)

	code, _, said = w.run("token", "--resource", "https://other.example/mcp")
	require.Equal(t, 3, code)
	require.Contains(t, said, "no account is for https://other.example/mcp. Next: bezoar login --resource https://other.example/mcp")
	code, _, said = w.run("mcp-proxy", "https://other.example/mcp", "--account", "files")
	require.Equal(t, 2, code)
	require.Contains(t, said, "its token goes to no other place")
	code, _, said = w.run("mcp-proxy", "https://user:word@other.example/mcp")
	require.Equal(t, 2, code)
	require.NotContains(t, said, "word@")
	code, _, said = w.run("accounts", "remove", "files", "--yes")
	require.Equal(t, 0, code, said)
	require.NoDirExists(t, filepath.Join(w.home, "accounts", "files"))
	require.False(t, w.issuer.IsAlive(w.login.RefreshToken), "it is revoked")
}

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/cli"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/scenetest"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/view"
	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/evidence"
	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/machine/persist"
)

// newGenerousIssuer is an issuer that grants every refresh.
func newGenerousIssuer(t *testing.T) *httptest.Server {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, `{"access_token":"opaque-and-new","refresh_token":"new","expires_in":3600}`)
	}))
	t.Cleanup(server.Close)
	return server
}

// TestCommandsAgree runs the commands on every kind of home: what they say, in words,
// in JSON and by exit code, must be one opinion.
func TestCommandsAgree(t *testing.T) {
	t.Parallel()
	issuer := newGenerousIssuer(t)
	variables := map[string]string{"BEZOAR_REFRESH_TOKEN_URL_OVERRIDE": issuer.URL + "/oauth/token", "NO_PROXY": "127.0.0.1"}
	// Each home is made when its turn comes: beside other tests that may be minutes later.
	scene := func(t *testing.T, valid time.Duration) *scenetest.Scene {
		return scenetest.NewAt(t, time.Now(), valid, func(name string) string { return variables[name] })
	}
	deferred := func(e evidence.Evidence, times int) persist.Entry {
		return persist.Entry{Kind: persist.Deferred, NotBefore: time.Now().Add(10 * time.Minute), Failures: times, Repeated: evidence.Repeated{Evidence: e, Times: times}}
	}
	refused := func(reason history.Reason) persist.Entry { return persist.Entry{Kind: persist.Refused, Reason: reason} }
	file := func(t *testing.T, name, text string) string {
		home := t.TempDir()
		require.NoError(t, os.Chmod(home, 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(home, name), []byte(text), 0o600))
		return home
	}
	folder := func(t *testing.T, name string) string {
		home := t.TempDir()
		require.NoError(t, os.Chmod(home, 0o700))
		require.NoError(t, os.Mkdir(filepath.Join(home, name), 0o700))
		return home
	}
	for name, each := range map[string]struct {
		home  func(t *testing.T) string
		flags []string
		code  int
	}{
		"fresh":   {home: func(t *testing.T) string { return scene(t, time.Hour).Home }, code: cli.ExitOK},
		"due":     {home: func(t *testing.T) string { return scene(t, 4*time.Minute).Home }, code: cli.ExitOK},
		"expired": {home: func(t *testing.T) string { return scene(t, -time.Hour).Home }, code: cli.ExitOK},
		"reused": {home: func(t *testing.T) string {
			return scene(t, time.Hour).Note(time.Minute, refused(history.ReasonReused)).Home
		}, code: cli.ExitLogin},
		"revoked": {home: func(t *testing.T) string {
			return scene(t, -time.Hour).Note(time.Minute, refused(history.ReasonRevoked)).Home
		}, code: cli.ExitLogin},
		"spent": {home: func(t *testing.T) string {
			return scene(t, -time.Hour).Note(time.Minute, persist.Entry{Kind: persist.Rotated, NextID: "0123"}).Home
		}, code: cli.ExitLogin},
		"issuer down": {home: func(t *testing.T) string {
			return scene(t, -time.Hour).Note(time.Minute, deferred(evidence.Evidence{Status: 503}, 3)).Home
		}, code: cli.ExitWait},
		"issuer down, token good": {home: func(t *testing.T) string {
			return scene(t, 4*time.Minute).Note(time.Minute, deferred(evidence.Evidence{Status: 503}, 3)).Home
		}, code: cli.ExitOK},
		"the same 400 again and again": {home: func(t *testing.T) string {
			return scene(t, -time.Hour).Note(time.Minute, deferred(evidence.Evidence{Status: 400, Code: "invalid_request"}, 5)).Home
		}, code: cli.ExitLogin},
		"wrong client": {home: func(t *testing.T) string {
			return scene(t, -time.Hour).Note(time.Minute, deferred(evidence.Evidence{Status: 401, Code: "invalid_client"}, 5)).Home
		}, code: cli.ExitOperator},
		"untrusted certificate": {home: func(t *testing.T) string {
			return scene(t, -time.Hour).Note(time.Minute, deferred(evidence.Evidence{Problem: evidence.ProblemCertificate}, 5)).Home
		}, code: cli.ExitOperator},
		"in doubt twice": {home: func(t *testing.T) string {
			return scene(t, -time.Hour).Intend(20*time.Minute, 1).Intend(10*time.Minute, 2).Home
		}, code: cli.ExitLogin},
		"empty":          {home: func(t *testing.T) string { return folder(t, "other") }, code: cli.ExitLogin},
		"key":            {home: func(t *testing.T) string { return file(t, "auth.json", `{"OPENAI_API_KEY":"sk-1"}`) }, code: cli.ExitOK},
		"not JSON":       {home: func(t *testing.T) string { return file(t, "auth.json", "{") }, code: cli.ExitLogin},
		"folder instead": {home: func(t *testing.T) string { return folder(t, "auth.json") }, code: cli.ExitOperator},
		"forbidden": {home: func(t *testing.T) string { return file(t, "auth.json", `{"OPENAI_API_KEY":"sk-1"}`) },
			flags: []string{"-c", "forced_login_method=chatgpt"}, code: cli.ExitLogin},
		"in memory": {home: func(t *testing.T) string { return folder(t, "other") },
			flags: []string{"-c", "cli_auth_credentials_store=ephemeral"}, code: cli.ExitOperator},
		"missing":  {home: func(t *testing.T) string { return filepath.Join(t.TempDir(), "gone") }, code: cli.ExitOperator},
		"no home":  {home: func(t *testing.T) string { return filepath.Join(file(t, "a", ""), "a") }, code: cli.ExitOperator},
		"no home2": {home: func(t *testing.T) string { return "/proc/self/mem" }, code: cli.ExitOperator},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			home := each.home(t)
			run := func(args ...string) (stdout, stderr string, code int) {
				command := exec.Command("bezoar", append(append(args, "--home", home), each.flags...)...)
				for name, value := range variables {
					command.Env = append(command.Env, name+"="+value)
				}
				command.Env = append(command.Env, "PATH="+os.Getenv("PATH"), "HOME="+home, "TZ=UTC")
				var out, errs bytes.Buffer
				command.Stdout, command.Stderr = &out, &errs
				_ = command.Run()
				return out.String(), errs.String(), command.ProcessState.ExitCode()
			}
			line, complaint, code := run("status")
			require.Equal(t, each.code, code, "status: %s%s", line, complaint)
			report, _, code := run("status", "--json")
			require.Equal(t, each.code, code, "status --json")
			if report == "" { // there is no home to look at
				for _, command := range []string{"why", "log", "token", "logout"} {
					out, errs, code := run(command)
					require.Equal(t, cli.ExitOperator, code, "%s: %s%s", command, out, errs)
					require.Equal(t, complaint, errs, command)
				}
				_, _, code = run("doctor", "--offline")
				require.Equal(t, cli.ExitOperator, code)
				return
			}
			requireOneOpinion(t, line, report, each.code)

			var is view.Status
			require.NoError(t, json.Unmarshal([]byte(report), &is))
			story, _, code := run("why", "--json")
			isUnread := is.State == view.Unknown || is.State == string(machine.NoAuth) && is.Action == string(machine.ActionOperator)
			require.Equal(t, map[bool]int{true: cli.ExitOperator, false: cli.ExitOK}[isUnread], code, "why")
			var told view.Explanation
			require.NoError(t, json.Unmarshal([]byte(story), &told))
			require.Equal(t, is, told.Status, "why --json")
			words, _, _ := run("why")
			require.Contains(t, words, strings.TrimSpace(line[:strings.Index(line, ". ")]))

			if examined, _, _ := run("doctor", "--offline"); strings.Contains(examined, "there is a login with") {
				require.Contains(t, examined, is.State+": "+is.Message, "doctor")
			}

			out, errs, code := run("token")
			require.Equal(t, each.code, code, "token: %s", errs)
			require.Equal(t, code == cli.ExitOK, out != "")
			if each.code == cli.ExitOperator && is.State != view.Unknown {
				require.Contains(t, errs, "Next: bezoar doctor")
			}
		})
	}
}

// requireOneOpinion compares the words of a status with its JSON and its exit code.
func requireOneOpinion(t *testing.T, line, report string, code int) {
	var is view.Status
	require.NoError(t, json.Unmarshal([]byte(report), &is))
	isDue := is.State == string(machine.Stale) && is.Action == string(machine.ActionNone)
	require.Equal(t, code == cli.ExitOK, is.Usable || isDue)
	if is.AccessExpiresAt != nil && is.Usable {
		expiry, err := time.Parse(time.RFC3339, *is.AccessExpiresAt)
		require.NoError(t, err)
		require.True(t, expiry.After(time.Now()), "a token that is over is called usable")
	}
	require.Contains(t, line, is.Message)
	require.True(t, strings.HasPrefix(line, is.State), line)
	ends := map[string]string{"login": "Next: bezoar login", "operator": "Next: bezoar doctor", "wait": "Next: (wait until|try again)", "none": "Nothing to do|Next: bezoar token"}
	require.Regexp(t, regexp.MustCompile(`(`+ends[is.Action]+`)[^.]*\.?\n$`), line)
	if is.Action == "wait" {
		require.NotNil(t, is.NextAttemptAt, "a wait has a time")
	}
	if code != cli.ExitOK {
		require.Equal(t, code, view.CodeOf(machine.Action(is.Action)), fmt.Sprint(is))
	}
}

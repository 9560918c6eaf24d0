package main

import (
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
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// modelProvider is what codex speaks to: it refuses the first requests of a turn.
type modelProvider struct {
	mu       sync.Mutex
	refuses  int
	refused  func(n int) // told of each refusal, from 1 on
	bearers  []string    // of the requests, in their order
	accounts []string
}

func (p *modelProvider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Method == http.MethodConnect: // as the proxy, so that nothing leaves this machine
		w.WriteHeader(http.StatusBadGateway)
		return
	case strings.HasSuffix(r.URL.Path, "/models"):
		_, _ = io.WriteString(w, `{"models":[]}`)
		return
	case r.Method != http.MethodPost || !strings.HasSuffix(r.URL.Path, "/responses"):
		w.WriteHeader(http.StatusNotFound)
		return
	}
	_, _ = io.Copy(io.Discard, r.Body)
	p.mu.Lock()
	p.bearers = append(p.bearers, strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "))
	p.accounts = append(p.accounts, r.Header.Get("ChatGPT-Account-ID"))
	n := len(p.bearers)
	p.mu.Unlock()
	if n <= p.refuses {
		p.refused(n)
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	for _, event := range []string{
		`{"type":"response.created","response":{"id":"r"}}`,
		`{"type":"response.output_item.done","item":{"type":"message","role":"assistant","id":"m","content":[{"type":"output_text","text":"hello from the model"}]}}`,
		`{"type":"response.completed","response":{"id":"r","usage":{"input_tokens":1,"input_tokens_details":null,"output_tokens":1,"output_tokens_details":null,"total_tokens":2}}}`,
	} {
		var named struct{ Type string }
		_ = json.Unmarshal([]byte(event), &named)
		fmt.Fprintf(w, "event: %s\ndata: %s\n\n", named.Type, event)
	}
}

var documented = regexp.MustCompile("(?s)```toml\n(.*?)```")

// codexTurn is one turn of the codex that BEZOAR_TEST_CODEX names, with the
// configuration that the page on auth commands shows, but for the addresses.
func codexTurn(t *testing.T, s *slowSite, p *modelProvider) (said string, err error) {
	codex := os.Getenv("BEZOAR_TEST_CODEX")
	if codex == "" {
		t.Skip("BEZOAR_TEST_CODEX names no codex")
	}
	server := httptest.NewServer(p)
	t.Cleanup(server.Close)
	words := s.program()
	bezoar, err := exec.LookPath("bezoar")
	require.NoError(t, err)
	bezoar = filepath.ToSlash(bezoar) // in a string of TOML
	page, err := os.ReadFile("docs/codex-auth-command.md")
	require.NoError(t, err)
	config := string(documented.FindSubmatch(page)[1])
	for shown, here := range map[string]string{
		"https://chatgpt.com/backend-api/codex": server.URL, "/usr/local/bin/bezoar": bezoar, "YOUR-ACCOUNT-ID": "acct_of_the_page",
	} {
		require.Contains(t, config, shown)
		config = strings.ReplaceAll(config, shown, here)
	}
	home := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(home, "config.toml"), []byte(config), 0o600))
	turn := exec.Command(codex, "exec", "--skip-git-repo-check", "hello")
	turn.Dir = t.TempDir()
	turn.Env = append(words.Env, "CODEX_HOME="+home, "HOME="+home, "USERPROFILE="+home, "HTTPS_PROXY="+server.URL, "HTTP_PROXY="+server.URL)
	timer := time.AfterFunc(2*time.Minute, func() { _ = turn.Process.Kill() })
	defer timer.Stop()
	out, err := turn.CombinedOutput()
	return string(out), err
}

func TestCodexGoesOnAfterARejectionWithOneRefresh(t *testing.T) {
	s := newOpenSite(t)
	p := &modelProvider{refuses: 1, refused: func(int) {}}
	said, err := codexTurn(t, s, p)
	require.NoError(t, err, said)
	require.Contains(t, said, "hello from the model")
	require.Len(t, p.bearers, 2)
	require.True(t, s.isFirst(p.bearers[0]))
	require.False(t, s.isFirst(p.bearers[1]))
	require.NotEmpty(t, p.bearers[1])
	require.Equal(t, []string{"acct_of_the_page", "acct_of_the_page"}, p.accounts)
	s.isSaved()
}

// The issuer needs longer than codex's timeout_ms: codex kills the command, tries with
// the token that it has, is refused again, and asks again.
func TestCodexThatKillsItsCommandLosesNothing(t *testing.T) {
	s := newSlowSite(t, time.Minute)
	p := &modelProvider{refuses: 2, refused: func(n int) {
		if n == 2 {
			s.goOn() // the command of the first refusal is dead by now
		}
	}}
	said, err := codexTurn(t, s, p)
	require.NoError(t, err, said)
	require.Contains(t, said, "hello from the model")
	require.Len(t, p.bearers, 3)
	require.False(t, s.isFirst(p.bearers[2]))
	require.NotEmpty(t, p.bearers[2])
	s.isSaved()
}

func TestCodexShowsTheMessageOfTheCommand(t *testing.T) {
	s := newOpenSite(t)
	require.NoError(t, os.Remove(filepath.Join(s.home, "auth.json")))
	said, err := codexTurn(t, s, &modelProvider{refuses: 100, refused: func(int) {}})
	require.Error(t, err)
	require.Contains(t, said, "not logged in. Next: bezoar login")
}

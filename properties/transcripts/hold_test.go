package transcripts

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine/machinetest"
	"github.com/bezoar-auth/bezoar/properties/programtest"
)

// stage is where one program holds one conversation.
type stage struct {
	home   string
	script []scripted

	mu    sync.Mutex // guards posts
	posts []any
}

// hold has the conversation with a program, and returns what came of it with
// everything taken out that is of this run alone.
func (s *comparison) hold(t *testing.T, program string) map[string]any {
	sc := &stage{home: filepath.Join(t.TempDir(), "home"), script: s.Issuer}
	listener := httptest.NewServer(http.HandlerFunc(sc.serve))
	defer listener.Close()
	require.NoError(t, os.MkdirAll(sc.home, 0o700))
	for name, content := range s.Home {
		sc.write(t, name, content)
	}
	server, err := programtest.Start("reference", program, sc.environment(listener.URL))
	require.NoError(t, err)
	defer server.Kill()
	came := map[string]any{"answers": []any{}, "notifications": []any{}}
	for n, step := range s.Steps {
		if step.Write != nil {
			sc.write(t, "auth.json", step.Write)
			continue
		}
		question := map[string]any{"id": n, "method": step.Ask}
		if step.Params != nil {
			question["params"] = step.Params
		}
		line, err := json.Marshal(question)
		require.NoError(t, err)
		require.NoError(t, server.Write(string(line)+"\n"))
		sc.hear(t, server, n, came)
	}
	require.NoError(t, server.Input.Close())
	sc.hear(t, server, -1, came)
	sc.mu.Lock()
	defer sc.mu.Unlock()
	came["posts"] = sc.posts
	if left, err := os.ReadFile(filepath.Join(sc.home, "auth.json")); err == nil {
		came["auth.json"] = string(left)
		var object any
		if json.Unmarshal(left, &object) == nil {
			came["auth.json"] = object
		}
	}
	return normal(t, came, sc.home, listener.URL)
}

// hear takes what the server says until the answer to a question, or its end.
func (sc *stage) hear(t *testing.T, server *programtest.Server, id int, came map[string]any) {
	for {
		line, err := server.Next()
		if err != nil {
			require.Negative(t, id, "no answer to question %d: %v", id, err)
			return
		}
		var message map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &message), line)
		delete(message, "emittedAtMs")
		name, isNotification := message["method"].(string)
		switch {
		case isNotification && strings.HasPrefix(name, "account/"):
			came["notifications"] = append(came["notifications"].([]any), message)
		case isNotification: // of other business
		default:
			delete(message, "id")
			came["answers"] = append(came["answers"].([]any), message)
			if programtest.IDOf(line) == strconv.Itoa(id) {
				return
			}
		}
	}
}

// environment is all that a program gets. Proxies without a listener keep
// everything but the issuer out of reach.
func (sc *stage) environment(issuer string) []string {
	const silent = "http://127.0.0.1:1"
	environment := []string{
		"PATH=" + os.Getenv("PATH"), "TERM=xterm", "LANG=C.UTF-8", "HOME=" + filepath.Dir(sc.home),
		"NO_PROXY=127.0.0.1,localhost", "no_proxy=127.0.0.1,localhost",
		"CODEX_REVOKE_TOKEN_URL_OVERRIDE=" + issuer + "/oauth/revoke",
	}
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"} {
		environment = append(environment, name+"="+silent)
	}
	for _, prefix := range []string{"BEZOAR_", "CODEX_"} {
		environment = append(environment, prefix+"HOME="+sc.home, prefix+"REFRESH_TOKEN_URL_OVERRIDE="+issuer+"/oauth/token")
	}
	return append(environment, "BEZOAR_LOGIN_ISSUER="+issuer, "CODEX_APP_SERVER_LOGIN_ISSUER="+issuer)
}

// serve is the issuer.
func (sc *stage) serve(w http.ResponseWriter, r *http.Request) {
	text, _ := io.ReadAll(r.Body) // what is cut short is no JSON
	var body any
	if json.Unmarshal(text, &body) != nil {
		body = string(text)
	}
	sc.mu.Lock()
	defer sc.mu.Unlock()
	switch r.URL.Path {
	case "/oauth/token":
		if len(sc.script) == 0 {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		next := sc.script[0]
		if len(sc.script) > 1 {
			sc.script = sc.script[1:]
		}
		sc.posts = append(sc.posts, map[string]any{"to": r.URL.Path, "body": body})
		w.Header().Set("Content-Type", "application/json")
		if next.Status >= http.StatusInternalServerError {
			w.Header().Set("Retry-After", "60") // the first wait is drawn at random, and may be none
		}
		w.WriteHeader(next.Status)
		_, _ = io.WriteString(w, written(next.Body)) // who has gone does not hear it
	case "/oauth/revoke":
		sc.posts = append(sc.posts, map[string]any{"to": r.URL.Path, "body": body})
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

func (sc *stage) write(t *testing.T, name string, content any) {
	require.NoError(t, programtest.Replace(filepath.Join(sc.home, name), written(content)))
}

// written is content as it goes out: a text as it is, and anything else as JSON,
// with what stands for ID tokens and times put in.
func written(content any) string {
	text, isText := content.(string)
	if !isText {
		encoded, _ := json.Marshal(content) // it has come from JSON
		text = string(encoded)
	}
	for _, name := range people {
		text = strings.ReplaceAll(text, "id-token-of-"+name, idTokenOf(name))
	}
	return strings.ReplaceAll(text, "now", time.Now().UTC().Format(time.RFC3339))
}

var people = []string{"alice", "bob"}

func idTokenOf(name string) string {
	return machinetest.JWT(fmt.Sprintf(`{"email":"%s@example.com","https://api.openai.com/auth":{"chatgpt_plan_type":"plus","chatgpt_user_id":"user-%s","chatgpt_account_id":"account-%s"}}`, name, name, name)).Reveal()
}

// perRun is what differs between two runs of one program.
var perRun = []struct {
	found *regexp.Regexp
	put   string
}{
	{regexp.MustCompile(`"20\d\d-\d\d-\d\dT[^"]*"`), `"TIME"`},
	{regexp.MustCompile(`"userAgent":"[^"]*"`), `"userAgent":"AGENT"`},
	{regexp.MustCompile(`"platformFamily":"[^"]*"`), `"platformFamily":"unix"`},
	{regexp.MustCompile(`"platformOs":"[^"]*"`), `"platformOs":"linux"`},
	{regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`), `UUID`},
	{regexp.MustCompile(`expected one of [^"]*`), `expected one of LIST`},
}

// normal is what came, without what is of this run or machine alone.
func normal(t *testing.T, came map[string]any, home, url string) (clean map[string]any) {
	encoded, err := json.Marshal(came)
	require.NoError(t, err)
	quoted, err := json.Marshal(home) // its backslashes are two each
	require.NoError(t, err)
	text := strings.NewReplacer(strings.Trim(string(quoted), `"`), "HOME", url, "ISSUER").Replace(string(encoded))
	for _, name := range people {
		text = strings.ReplaceAll(text, idTokenOf(name), "id-token-of-"+name)
	}
	for _, each := range perRun {
		text = each.found.ReplaceAllString(text, each.put)
	}
	require.NoError(t, json.Unmarshal([]byte(text), &clean))
	return clean
}

package conversations

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/properties/programtest"
)

// TestConversationsKeepSecrets leads the program into everything that
// it may complain about with a secret in its hand. What every conversation is
// looked through for at its end is in leaks; these have sentinels besides, in
// places where no token belongs.
func TestConversationsKeepSecrets(t *testing.T) {
	converse(t, testscript.Params{Dir: filepath.Join("testdata", "secrets")})
}

// shortestSecret is how long a secret must be to differ from other text.
const shortestSecret = 6

// remember adds to what must not leak. A script does so itself with the command
// "secret", for what is not one by its place.
func (c *conversation) remember(secrets ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, each := range secrets {
		if len(each) >= shortestSecret && !slices.Contains(c.secrets, each) {
			c.secrets = append(c.secrets, each)
		}
	}
}

func (c *conversation) secret(args []string) error {
	c.remember(args...)
	return nil
}

// leaks looks for the secrets of a conversation where none may be: in the log,
// in what the server sent the client unasked, and in every file that the
// program made but the one that is for it. The servers are gone by now.
func (c *conversation) leaks() error {
	var found []error
	look := func(where, text string) {
		for _, each := range c.secrets {
			if strings.Contains(text, each) {
				found = append(found, fmt.Errorf("a secret is in %s", where))
			}
		}
	}
	for _, s := range c.servers {
		look("the log of "+s.Name, s.Stderr.String())
		for line := range strings.Lines(string(s.Said)) {
			look("what "+s.Name+" said", withoutItsState(s.withoutItsToken(line)))
		}
	}
	look("what a browser saw", c.person.saw.String())
	err := filepath.WalkDir(c.home, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() || slices.Contains(c.put, entry.Name()) {
			return err
		}
		content, err := os.ReadFile(path)
		look(entry.Name(), path+string(content))
		return err
	})
	return errors.Join(append(found, err)...)
}

// withoutItsToken leaves out the token of an answer to who asked for it.
func (s *speaker) withoutItsToken(line string) string {
	if !s.wantsToken[programtest.IDOf(line)] {
		return line
	}
	var answer struct {
		Result struct {
			AuthToken json.RawMessage `json:"authToken"`
		} `json:"result"`
	}
	_ = json.Unmarshal([]byte(line), &answer) // idOf could
	return strings.Replace(line, string(answer.Result.AuthToken), "", 1)
}

// noteWishes keeps in mind which questions ask for a token.
func (s *speaker) noteWishes(text string) {
	for line := range strings.Lines(text) {
		if strings.Contains(line, `"includeToken":true`) {
			s.wantsToken[programtest.IDOf(strings.Replace(line, `"method"`, `"_"`, 1))] = true
		}
	}
}

func TestLeakIsFoundWhereverItIs(t *testing.T) {
	const opens = "refresh-token-of-ada"
	answer := `{"id":1,"result":{"authToken":"` + opens + `"}}` + "\n"
	for name, leak := range map[string]func(*conversation){
		"in the log":                   func(c *conversation) { c.at.Stderr.Write([]byte("token " + opens)) },
		"told to who did not ask":      func(c *conversation) { c.at.Said = []byte(answer) },
		"told besides what was asked":  func(c *conversation) { c.at.wantsToken["1"], c.at.Said = true, []byte(answer+answer[:20]+opens) },
		"in a file that was left over": func(c *conversation) { os.WriteFile(c.path("ledger"), []byte(opens), 0o600) },
		"in the name of a file":        func(c *conversation) { os.WriteFile(c.path(opens), nil, 0o600) },
		"on a page":                    func(c *conversation) { c.person.saw.WriteString("<p>" + opens) },
		"in the address of a login": func(c *conversation) {
			c.at.Said = []byte(`{"id":1,"result":{"loginId":"a","authUrl":"https://issuer.example/?state=public&code_verifier=` + opens + `"}}`)
		},
		"twice in the address of a login": func(c *conversation) {
			c.at.Said = []byte(`{"id":1,"result":{"loginId":"a","authUrl":"https://issuer.example/?state=` + opens + `&nonce=` + opens + `"}}`)
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := &conversation{home: t.TempDir(), put: []string{"auth.json"}}
			c.at = &speaker{Server: &programtest.Server{Name: "server"}, wantsToken: map[string]bool{}}
			c.servers = []*speaker{c.at}
			c.remember(opens)
			require.NoError(t, os.WriteFile(c.path("auth.json"), []byte(opens), 0o600))
			require.NoError(t, c.leaks())
			leak(c)
			require.ErrorContains(t, c.leaks(), "a secret is in")
		})
	}
}

// TestWitnessHearsOfEverySecret holds the list of members against a whole login
// in a browser and one with a code: whatever the disk has of it was noticed.
func TestWitnessHearsOfEverySecret(t *testing.T) {
	program, err := programtest.Path()
	require.NoError(t, err)
	c, err := newConversation(program, t.TempDir())
	require.NoError(t, err)
	defer c.close()
	k := killing{t, c}
	k.do("start", "ask browser-login", `answer {"loginId":"...","...":""}`, "browser consents", "browser returns",
		"browser sees 302", "browser follows", "browser sees 200", `hears {"method":"account/login/completed","...":""}`)
	content, err := os.ReadFile(c.path("auth.json"))
	require.NoError(t, err)
	for _, each := range regexp.MustCompile(`"(sk-|eyJ|rt_)[^"]+"`).FindAllString(string(content), -1) {
		require.Contains(t, c.secrets, strings.Trim(each, `"`))
	}
	query := c.person.back.Query()
	require.Contains(t, c.secrets, query.Get("code"))
	require.Contains(t, c.secrets, query.Get("state"))
	k.do("ask device-login", `answer {"loginId":"...","...":""}`)
	require.Contains(t, c.secrets, c.person.login.UserCode)
	k.do("end")
	require.NoError(t, c.leaks())
}

// TestTheSchemaHoldsNoSecret: an example in it would be taken from somewhere.
func TestTheSchemaHoldsNoSecret(t *testing.T) {
	program, err := programtest.Path()
	require.NoError(t, err)
	home, out := t.TempDir(), t.TempDir()
	const opens = "s3cr3t"
	require.NoError(t, os.WriteFile(filepath.Join(home, "auth.json"), []byte(`{"auth_mode":"apikey","OPENAI_API_KEY":"`+opens+`"}`), 0o600))
	for _, generate := range []string{"generate-json-schema", "generate-ts"} {
		run := exec.Command(program, "app-server", generate, "--out", out)
		run.Env = []string{"HOME=" + home, "BEZOAR_HOME=" + home, "OPENAI_API_KEY=" + opens, "CODEX_ACCESS_TOKEN=" + opens}
		said, err := run.CombinedOutput()
		require.NoError(t, err, string(said))
	}
	files := 0
	require.NoError(t, filepath.WalkDir(out, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		files++
		content, err := os.ReadFile(path)
		require.NotContains(t, string(content), opens)
		require.NotRegexp(t, `"examples?"|"default"|eyJ[A-Za-z0-9]|\b(sk|rt|ac)[-_][A-Za-z0-9]{4}`, string(content), path)
		return err
	}))
	require.Greater(t, files, 20)
}

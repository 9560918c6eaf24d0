package properties

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"
)

// TestNoSecretLeavesThroughAConversation leads the program into everything that
// it may complain about with a secret in its hand. What every conversation is
// looked through for at its end is in leaks; these have sentinels besides, in
// places where no token belongs.
func TestNoSecretLeavesThroughAConversation(t *testing.T) {
	converse(t, testscript.Params{Dir: filepath.Join("testdata", "conversations", "secrets")})
}

// shortestSecret is how long a secret must be to be told from other text.
const shortestSecret = 6

// remember adds to what must not leak. A script does so itself with the command
// "secret", for what is not one by its place.
func (c *conversation) remember(secrets ...string) {
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
// in what the client was told and did not ask for, and in every file that the
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
		look("the log of "+s.name, s.stderr.String())
		for line := range strings.Lines(string(s.said)) {
			look("what "+s.name+" said", s.withoutItsToken(line))
		}
	}
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
func (s *server) withoutItsToken(line string) string {
	if !s.wantsToken[idOf(line)] {
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
func (s *server) noteWishes(text string) {
	for line := range strings.Lines(text) {
		if strings.Contains(line, `"includeToken":true`) {
			s.wantsToken[idOf(strings.Replace(line, `"method"`, `"_"`, 1))] = true
		}
	}
}

func TestALeakIsFoundWhereverItIs(t *testing.T) {
	const opens = "refresh-token-of-ada"
	answer := `{"id":1,"result":{"authToken":"` + opens + `"}}` + "\n"
	for name, leak := range map[string]func(*conversation){
		"in the log":                   func(c *conversation) { c.at.stderr.Write([]byte("token " + opens)) },
		"told to who did not ask":      func(c *conversation) { c.at.said = []byte(answer) },
		"told besides what was asked":  func(c *conversation) { c.at.wantsToken["1"], c.at.said = true, []byte(answer+answer[:20]+opens) },
		"in a file that was left over": func(c *conversation) { os.WriteFile(c.path("ledger"), []byte(opens), 0o600) },
		"in the name of a file":        func(c *conversation) { os.WriteFile(c.path(opens), nil, 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			c := &conversation{home: t.TempDir(), put: []string{"auth.json"}}
			c.at = &server{name: "server", wantsToken: map[string]bool{}}
			c.servers = []*server{c.at}
			c.remember(opens)
			require.NoError(t, os.WriteFile(c.path("auth.json"), []byte(opens), 0o600))
			require.NoError(t, c.leaks())
			leak(c)
			require.ErrorContains(t, c.leaks(), "a secret is in")
		})
	}
}

package conversations

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
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine/machinetest"
	"github.com/bezoar-auth/bezoar/properties/programtest"
	"github.com/bezoar-auth/bezoar/protocol/oauth/issuer"
)

// TestKilledLoginIsTheOldOrTheNewOne kills the program with SIGKILL at
// many points of a login, by name and at moments that no name is for, and starts
// it again.
func TestKilledLoginIsTheOldOrTheNewOne(t *testing.T) {
	program, err := programtest.Path()
	require.NoError(t, err)
	for _, kind := range []string{"browser", "device"} {
		for _, point := range killPoints(kind) {
			t.Run(kind+" login, "+point.name, func(t *testing.T) {
				if kind == "device" { // needs no port
					t.Parallel()
				}
				c, err := newConversation(program, t.TempDir())
				require.NoError(t, err)
				defer c.close()
				k := killing{t, c}
				old := k.begin(kind)
				point.reach(k)
				k.do("crash")
				k.judge(old, point.stored)
			})
		}
	}
}

// killPoint is where a login is when the program is killed. What is stored then
// is "old", "new" or either.
type killPoint struct {
	name   string
	stored string
	reach  func(killing)
}

func killPoints(kind string) []killPoint {
	points := []killPoint{
		{"before the user was there", "old", func(killing) {}},
		{"before the exchange is answered", "old", func(k killing) {
			k.do("issuer at exchange once hesitantly rotates")
			k.goOn(kind)
			k.do("asked exchange 1")
		}},
		{"with the answer on its way", "old", func(k killing) {
			k.do("issuer at exchange once slowly rotates")
			k.goOn(kind)
			k.do("asked exchange 1")
			require.NoError(k.t, programtest.Eventually(k.isExchanged))
		}},
	}
	if kind == "browser" {
		points = append(points, killPoint{"while the key is asked for", "old", func(k killing) {
			k.do("issuer at key once slowly rotates")
			k.goOn(kind)
			k.do("asked key 1")
		}})
		points = append(points, killPoint{"before the success page is fetched", "new", func(k killing) {
			k.goOn(kind)
			k.do("browser sees 302")
		}})
	}
	points = append(points, killPoint{"when the client heard of it", "new", func(k killing) {
		k.goOn(kind)
		if kind == "browser" {
			k.do("browser sees 302", "browser follows")
		}
		k.do(`hears {"method":"account/login/completed","...":""}`)
	}})
	for moment := range 25 { // a save takes less than one of two milliseconds
		if moment%6 != 0 && !machinetest.Long() {
			continue
		}
		after := time.Duration(moment) * 80 * time.Microsecond
		points = append(points, killPoint{fmt.Sprintf("%v after the last answer", after), "", func(k killing) {
			call := map[string]string{"browser": "key", "device": "exchange"}[kind]
			k.do("issuer at " + call + " once slowly rotates")
			k.goOn(kind)
			k.do("asked "+call+" 1", "issuer lets-go")
			<-time.After(after)
		}})
	}
	return points
}

// killing is a conversation in Go: most of it has no words of its own.
type killing struct {
	t *testing.T
	*conversation
}

// do says lines of a script.
func (k killing) do(lines ...string) {
	for _, line := range lines {
		words := strings.Fields(line)
		require.NoError(k.t, vocabulary[words[0]](k.conversation, words[1:]), "%s\n%s", line, k.transcript())
	}
}

// begin logs a user in, and then begins another login over that.
func (k killing) begin(kind string) (old string) {
	k.do("home login bob access-bob refresh-bob", "start "+kind)
	content, err := os.ReadFile(k.path("auth.json"))
	require.NoError(k.t, err)
	k.do("ask "+kind+"-login", `answer {"loginId":"...","...":""}`)
	if kind == "browser" {
		k.do("browser consents ada")
	}
	return string(content)
}

// goOn is the person who logs in.
func (k killing) goOn(kind string) {
	if kind == "browser" {
		k.do("browser returns")
	} else {
		k.do("device allowed ada")
	}
}

func (k killing) isExchanged() error {
	if exchanges := k.issuer.Requests(issuer.Exchange); len(exchanges) != 1 || exchanges[0].Status == 0 {
		return errors.New("the code is not spent yet")
	}
	return nil
}

// judge looks at the disk, starts the program again and asks it.
func (k killing) judge(old, expected string) {
	content, err := os.ReadFile(k.path("auth.json"))
	require.NoError(k.t, err)
	stored := "old"
	if string(content) != old {
		stored = "new"
		k.isWhole(content)
	}
	if expected != "" {
		require.Equal(k.t, expected, stored)
	}
	token := map[string]string{"old": "access-bob", "new": "eyJ..."}[stored]
	k.do("start again", "ask status token", "answer chatgpt "+token,
		"ask login sk-test-key", `answer {"type":"apiKey"}`, "ask logout", "answer {}", "end")
	require.NoError(k.t, errors.Join(k.breaks(), k.leaks()))
	require.NoError(k.t, filepath.WalkDir(k.home, func(path string, entry fs.DirEntry, err error) error {
		if matched, _ := filepath.Match("auth.json*.tmp*", entry.Name()); matched {
			return fmt.Errorf("%s is left over", path)
		}
		return err
	}))
}

// isWhole: all tokens of the new login are there, and they belong together.
func (k killing) isWhole(content []byte) {
	var login struct {
		AuthMode string `json:"auth_mode"`
		Tokens   struct {
			IDToken      string `json:"id_token"`
			AccessToken  string `json:"access_token"`
			RefreshToken string `json:"refresh_token"`
			AccountID    string `json:"account_id"`
		} `json:"tokens"`
		LastRefresh time.Time `json:"last_refresh"`
	}
	require.NoError(k.t, json.Unmarshal(content, &login))
	require.Equal(k.t, "chatgpt", login.AuthMode)
	require.Equal(k.t, "account-ada", login.Tokens.AccountID)
	require.False(k.t, login.LastRefresh.IsZero())
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, each := range []string{login.Tokens.IDToken, login.Tokens.AccessToken, login.Tokens.RefreshToken} {
		require.True(k.t, slices.Contains(k.secrets, each), "a token that the issuer did not give")
	}
}

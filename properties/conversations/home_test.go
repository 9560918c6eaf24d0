package conversations

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/bezoar-auth/bezoar/machine/machinetest"
	"github.com/bezoar-auth/bezoar/properties/programtest"
	"github.com/bezoar-auth/bezoar/protocol/oauth/issuer"
	"github.com/bezoar-auth/bezoar/store/system"
)

// elsewhere is the command of that name: what another program does to the home.
func (c *conversation) elsewhere(args []string) error {
	switch verb, rest := args[0], args[1:]; verb {
	case "login":
		return c.loginElsewhere(rest)
	case "key":
		c.remember(rest[0])
		return c.replace("auth.json", `{"auth_mode":"apikey","OPENAI_API_KEY":`+quoted(rest[0])+`}`)
	case "logout":
		return os.Remove(c.path("auth.json"))
	case "put": // FILE as PATH
		content, err := os.ReadFile(filepath.Join(filepath.Dir(c.home), rest[0]))
		if err != nil {
			return err
		}
		return c.replace(rest[2], string(content))
	case "opens":
		machinetest.SkipUnderWine(c.t, machinetest.LacksReplace)
		file, err := system.Here.Open(c.path(rest[0]), os.O_RDONLY) // with leave to replace it, on Windows
		c.opened = file
		return err
	case "still-reads":
		defer c.opened.Close()
		content, err := io.ReadAll(c.opened)
		if err != nil {
			return err
		}
		return matches(strings.Join(rest, " "), string(content))
	case "holds-the-ports":
		return c.holdPorts(rest)
	case "link": // PATH to PATH
		c.put = append(c.put, rest[2])
		return os.Link(c.path(rest[0]), c.path(rest[2]))
	default:
		return fmt.Errorf("another program does not do %q", verb)
	}
}

func (c *conversation) path(name string) string { return filepath.Join(c.home, name) }

// replace puts a file in place of another as a careful program does.
func (c *conversation) replace(name, content string) error {
	c.put = append(c.put, name)
	return programtest.Replace(c.path(name), content)
}

func (c *conversation) loginElsewhere(args []string) error {
	name, tokens, age := args[0], args[1:], time.Duration(0)
	if last := args[len(args)-1]; strings.HasSuffix(last, "d") || strings.HasSuffix(last, "h") {
		if parsed, err := ageOf(last); err == nil {
			age, tokens = parsed, tokens[:len(tokens)-1]
		}
	}
	at := time.Now().Add(-age)
	account := accountOf(name)
	idToken := machinetest.JWT(fmt.Sprintf(`{"email":%q,"https://api.openai.com/auth":{"chatgpt_plan_type":%q,"chatgpt_user_id":%q}}`,
		account.Email, account.PlanType, account.UserID)).Reveal()
	var access, refresh string
	if tokens[0] == "issued" {
		grant := c.issuer.Login(account, at)
		idToken, access, refresh = grant.IDToken.Reveal(), grant.AccessToken.Reveal(), grant.RefreshToken.Reveal()
	} else {
		access, refresh = c.token(tokens[0]), c.token(tokens[1])
	}
	c.remember(idToken, access, refresh)
	return c.replace("auth.json", fmt.Sprintf(
		`{"auth_mode":"chatgpt","OPENAI_API_KEY":null,"tokens":{"id_token":%q,"access_token":%q,"refresh_token":%q,"account_id":%q},"last_refresh":%q}`,
		idToken, access, refresh, account.ID, at.UTC().Format(time.RFC3339)))
}

func accountOf(name string) issuer.Account {
	return issuer.Account{ID: "account-" + name, Email: name + "@example.com", PlanType: "plus", UserID: "user-" + name}
}

// ageOf reads 9d and 2h.
func ageOf(text string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		count, err := strconv.Atoi(days)
		return time.Duration(count) * 24 * time.Hour, err
	}
	return time.ParseDuration(text)
}

// token is a token as a script writes it. It counts as a secret from now on.
func (c *conversation) token(text string) string {
	if life, ok := strings.CutPrefix(text, "exp"); ok {
		if left, err := time.ParseDuration(life); err == nil {
			text = machinetest.JWT(fmt.Sprintf(`{"exp":%d}`, time.Now().Add(left).Unix())).Reveal()
		}
	}
	c.remember(text)
	return text
}

// file is the command of that name.
func (c *conversation) file(args []string) error {
	path, wanted := c.path(args[0]), strings.Join(args[1:], " ")
	return programtest.Eventually(func() error {
		info, err := os.Stat(path)
		switch {
		case wanted == "gone" && errors.Is(err, fs.ErrNotExist):
			return nil
		case wanted == "gone":
			return fmt.Errorf("%s is there", args[0])
		case err != nil:
			return err
		case args[1] == "mode":
			mode := fmt.Sprintf("%04o", info.Mode().Perm())
			if mode != args[2] && runtime.GOOS != "windows" { // an access control list there, which store/system's tests look at
				return fmt.Errorf("%s has the mode %s", args[0], mode)
			}
			return nil
		}
		content, err := os.ReadFile(path)
		switch {
		case err != nil:
			return err
		case args[1] == "has":
			if !strings.Contains(string(content), strings.Join(args[2:], " ")) {
				return fmt.Errorf("%s has no such text: %s", args[0], content)
			}
			return nil
		}
		return matches(wanted, string(content))
	})
}

package conversations

import (
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// usage is the backend that knows the rate limits.
type usage struct {
	mu      sync.Mutex // guards all below
	isKnown bool       // to the servers
	admits  string     // the token that is not refused; "" for any
	status  int        // of the answer to it
	body    string
	brought []string // tokens, in their order
}

const unusedLimits = `{"plan_type":"plus","rate_limit":{"allowed":true,"limit_reached":false}}`

func (u *usage) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	u.mu.Lock()
	defer u.mu.Unlock()
	u.brought = append(u.brought, token)
	if u.admits != "" && u.admits != token {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	w.WriteHeader(u.status)
	fmt.Fprint(w, u.body)
}

// backend is the command of that name.
func (c *conversation) backend(args []string) (err error) {
	c.limits.mu.Lock()
	defer c.limits.mu.Unlock()
	if !c.limits.isKnown {
		if err := c.configure(`chatgpt_base_url = ` + quoted(c.url)); err != nil {
			return err
		}
		c.limits.isKnown = true
	}
	switch verb, rest := args[0], args[1:]; verb {
	case "admits":
		c.limits.admits, c.limits.status, c.limits.body = rest[0], http.StatusOK, unusedLimits
	case "says":
		c.limits.status, err = strconv.Atoi(rest[0])
		c.limits.admits, c.limits.body = "", strings.Join(rest[1:], " ")
	case "asked":
		if !slices.Equal(c.limits.brought, rest) {
			return fmt.Errorf("the backend was asked with %q", c.limits.brought)
		}
	default:
		return fmt.Errorf("a backend does not do %q", verb)
	}
	return err
}

// configure puts a line in front of config.toml, where no table has begun.
func (c *conversation) configure(line string) error {
	rest, err := os.ReadFile(c.path("config.toml"))
	if err != nil && !os.IsNotExist(err) {
		return err
	}
	c.put = append(c.put, "config.toml")
	return os.WriteFile(c.path("config.toml"), []byte(line+"\n"+string(rest)), 0o600)
}

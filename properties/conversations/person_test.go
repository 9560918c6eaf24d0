package conversations

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"github.com/bezoar-auth/bezoar/machine/machinetest"
	"github.com/bezoar-auth/bezoar/properties/programtest"
)

// minted are tokens that a script writes as $NAME: web tokens, for where another
// would not be taken.
var minted = map[string]string{
	"FIRST":  machinetest.JWT(`{"sub":"first"}`).Reveal(),
	"SECOND": machinetest.JWT(`{"sub":"second"}`).Reveal(),
	"EVE":    machinetest.JWT(`{"email":"eve@example.com","https://api.openai.com/auth":{"chatgpt_account_id":"account-eve"}}`).Reveal(),
}

// person is who is at a login, and what is open in the browser.
type person struct {
	login, previous programtest.LoginAnswer
	back            *url.URL // to the program, with what the issuer gave
	visits          []*visit // not looked at yet, oldest first
	next            *url.URL // where the last answer led
	saw             strings.Builder
}

func (p *person) noteLogin(line string) {
	var answer struct{ Result programtest.LoginAnswer }
	if json.Unmarshal([]byte(line), &answer) == nil && answer.Result.LoginID != "" {
		p.login, p.previous = answer.Result, p.login
	}
}

// loginQuestion is a question about a login that a person brings to its end.
func (c *conversation) loginQuestion(words []string) (method string, params any, err error) {
	switch words[0] {
	case "browser-login":
		err = c.takePort()
		return "account/login/start", map[string]string{"type": "chatgpt"}, err
	case "device-login":
		return "account/login/start", map[string]string{"type": "chatgptDeviceCode"}, nil
	}
	id := c.person.login.LoginID
	if len(words) > 1 { // previous
		id = c.person.previous.LoginID
	}
	return "account/login/cancel", map[string]string{"loginId": id}, nil
}

// portPatience is for the scripts of other processes that have the ports.
const portPatience = 3 * time.Minute

// takePort makes this script the only one that has to do with the ports of browser
// logins, in all processes that run these tests: issuers know no other ports.
func (c *conversation) takePort() error {
	if c.port != nil {
		return nil
	}
	c.port = flock.New(filepath.Join(os.TempDir(), "bezoar-properties-login-port.lock"))
	ctx, cancel := context.WithTimeout(context.Background(), portPatience)
	defer cancel()
	_, err := c.port.TryLockContext(ctx, 10*time.Millisecond)
	return err
}

func (c *conversation) leavePort() {
	if c.holder != nil {
		c.holder.Close()
	}
	if c.port != nil {
		c.port.Unlock()
	}
}

// holdPorts is another program that does not let go of ports.
func (c *conversation) holdPorts(ports []string) error {
	if err := c.takePort(); err != nil {
		return err
	}
	if c.holder == nil {
		c.holder = &http.Server{Handler: http.NotFoundHandler(), ReadHeaderTimeout: time.Minute}
	}
	for _, port := range ports {
		listener, err := net.Listen("tcp4", net.JoinHostPort("127.0.0.1", port))
		if err != nil {
			return err
		}
		go c.holder.Serve(listener)
	}
	return nil
}

// browser is the command of that name.
func (c *conversation) browser(args []string) error {
	p := &c.person
	switch verb, rest := args[0], args[1:]; verb {
	case "consents":
		return c.consent(rest)
	case "returns":
		target := *p.back
		query := target.Query()
		for _, each := range rest {
			name, value, _ := strings.Cut(each, "=")
			query.Set(name, value)
			if value == "" {
				query.Del(name)
			}
		}
		target.RawQuery = query.Encode()
		p.visit(&target)
	case "opens":
		p.visit(p.back.ResolveReference(&url.URL{Path: "/" + rest[0]}))
	case "follows":
		p.visit(p.next)
	case "sees":
		return p.sees(rest[0], strings.Join(rest[1:], " "))
	default:
		return fmt.Errorf("a browser does not do %q", verb)
	}
	return nil
}

// consent allows the login at the issuer, which sends the browser back.
func (c *conversation) consent(name []string) error {
	if len(name) > 0 {
		c.issuer.SetAccount(accountOf(name[0]))
	}
	response, err := surfer.Get(c.person.login.AuthURL)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	c.person.back, err = response.Location()
	return err
}

// surfer follows no redirect by itself.
var surfer = &http.Client{
	Transport:     &http.Transport{DisableKeepAlives: true},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// visit is one page that a browser asked for.
type visit struct {
	done     chan struct{} // closed when all below is there
	status   int
	location *url.URL
	text     string // of all that it got
	err      error
}

func (p *person) visit(target *url.URL) {
	v := &visit{done: make(chan struct{})}
	p.visits = append(p.visits, v)
	go func() {
		defer close(v.done)
		response, err := surfer.Get(target.String())
		if err != nil {
			v.err = errors.New("no server answers the browser") // the error has the URL
			return
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		v.err, v.status = err, response.StatusCode
		v.location, _ = response.Location()
		v.text = fmt.Sprintln(response.Header, string(body))
	}()
}

// sees looks at the oldest page that was asked for. "nothing" is that no server
// answered.
func (p *person) sees(status, text string) error {
	v := p.visits[0]
	p.visits = p.visits[1:]
	select {
	case <-v.done:
	case <-time.After(programtest.Patience):
		return errors.New("the browser still waits")
	}
	p.saw.WriteString(v.text)
	switch {
	case status == "nothing":
		if v.err == nil {
			return fmt.Errorf("the browser sees %d", v.status)
		}
		return nil
	case v.err != nil:
		return v.err
	case strconv.Itoa(v.status) != status || !strings.Contains(v.text, text):
		_, shown, _ := strings.Cut(v.text, "<body>") // without the style
		return fmt.Errorf("the browser sees %d %s", v.status, shown)
	}
	p.next = v.location
	return nil
}

// device is the command of that name.
func (c *conversation) device(args []string) error {
	if len(args) > 1 {
		c.issuer.SetAccount(accountOf(args[1]))
	}
	decide := c.issuer.Deny
	if args[0] == "allowed" {
		decide = c.issuer.Approve
	}
	if !decide(c.person.login.UserCode) {
		return errors.New("no login waits for that code")
	}
	return nil
}

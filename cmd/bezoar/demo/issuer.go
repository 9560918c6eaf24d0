package demo

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"time"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/cli"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/protocol/legible"
	"github.com/bezoar-auth/bezoar/protocol/oauth/issuer"
	"github.com/bezoar-auth/bezoar/store/file"
)

// Issuer is bezoar demo issuer.
var Issuer = cli.Command{
	Name:    "demo issuer",
	Summary: "Run an issuer on this machine, to log in to and to break logins.",
	Usage:   "[--port N] [--access-lifetime TIME]",
	About: `It prints three exports for another terminal, with a temporary home, so that no real
login is touched. There everything works as with a real issuer: bezoar login asks for
consent in a browser, tokens expire and rotate, and the second use of a refresh token
ends the login. It also answers for rate limits. This terminal logs each request and
takes commands:

  expire   let the access token of that home expire now: the next use refreshes it
  revoke   end every login, as the issuer's own page would: the next refresh is refused
  down     answer every request with 503, until
  up       answers as usual again

It checks no password and protects nothing. Ctrl-C ends it and removes the home.

Example: bezoar demo issuer`,
	Run: demoIssuer,
}

func demoIssuer(env cli.Environment, flags *flag.FlagSet, args []string) error {
	port := flags.Uint("port", 0, "listen at this loopback `port`; 0 for any")
	lifetime := flags.Duration("access-lifetime", 10*time.Minute, "how long an access token is valid, a `time` such as 20s")
	if err := cli.Parse(flags, args); err != nil {
		return err
	}
	if *port > math.MaxUint16 {
		return cli.Misuse("--port takes a number up to %d", math.MaxUint16)
	}
	if *lifetime < time.Second {
		return cli.Misuse("--access-lifetime takes a time of a second or more, such as 5m")
	}
	signals, env, stop := cli.UntilSignalOrHangup(env)
	defer stop()
	home, listener, err := openHome(*port)
	if err != nil {
		return err
	}
	defer os.RemoveAll(home)
	console := &console{env: env, home: home, issuer: issuer.New(issuer.Options{AccessLifetime: *lifetime})}
	console.printExports(urlOf(listener))
	return console.serve(signals, listener)
}

// console reads commands for an issuer and logs its requests.
type console struct {
	env    cli.Environment
	home   string
	issuer *issuer.Issuer
	down   atomic.Bool
}

func (c *console) printExports(url string) {
	for _, each := range [][2]string{
		{"BEZOAR_HOME", c.home},
		{"BEZOAR_LOGIN_ISSUER", url},
		{"BEZOAR_REFRESH_TOKEN_URL_OVERRIDE", url + "/oauth/token"},
	} {
		fmt.Fprintln(c.env.Stdout, assignment(each[0], each[1]))
	}
	c.say("put these lines into another terminal; then, there: bezoar login")
	c.say("commands here: expire, revoke, down, up; Ctrl-C ends it")
}

// assignment sets a variable in the usual shell of this system.
func assignment(name, value string) string {
	if runtime.GOOS == "windows" {
		return fmt.Sprintf("$env:%s = '%s'", name, value)
	}
	return fmt.Sprintf("export %s='%s'", name, value)
}

// serve answers requests and takes commands until a signal arrives. The end of the
// commands does not end it.
func (c *console) serve(signals context.Context, listener net.Listener) error {
	server := &http.Server{Handler: c, ReadHeaderTimeout: time.Minute}
	context.AfterFunc(signals, func() { server.Close() })
	go func() {
		for lines := bufio.NewScanner(c.env.Stdin); lines.Scan(); {
			c.say("%s", c.execute(strings.TrimSpace(lines.Text())))
		}
	}()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// execute executes one command, and returns what to print.
func (c *console) execute(command string) string {
	switch command {
	case "expire":
		if err := c.expire(); err != nil {
			return "nothing expired: " + err.Error()
		}
		return "the access token has expired"
	case "revoke":
		return fmt.Sprintf("logins ended: %d", c.issuer.RevokeAll())
	case "down":
		c.down.Store(true)
		return "down: every request gets 503"
	case "up":
		c.down.Store(false)
		return "up again"
	}
	return "unknown command; use expire, revoke, down or up"
}

var errNoLogin = errors.New("the home has no login of this issuer")

// expireLimit allows for a slow disk.
const expireLimit = 10 * time.Second

// expire stores the login of the home with an access token that has expired: a token
// states its own expiry, and the clock cannot be set.
func (c *console) expire() error {
	ctx, cancel := context.WithTimeout(context.Background(), expireLimit)
	defer cancel()
	stored := file.Open(c.home, file.Options{})
	record, err := stored.Load(ctx)
	if errors.Is(err, persist.ErrNotFound) {
		return errNoLogin
	}
	if err != nil {
		return err
	}
	login := record.Credential
	aged, known := c.issuer.Age(login.RefreshToken)
	if !known {
		return errNoLogin
	}
	login.AccessToken, login.IDToken = aged.AccessToken, aged.IDToken
	return stored.Swap(ctx, record.Revision, login)
}

// usage answers for the backend: a plan without limits.
func (c *console) usage(w http.ResponseWriter, r *http.Request) {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok || !c.issuer.Serves(secret.New(token)) {
		http.Error(w, "this token is not accepted", http.StatusUnauthorized)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(map[string]string{"plan_type": issuer.Ada.PlanType})
}

// ServeHTTP lets the issuer answer, if it is up, and logs the request.
func (c *console) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answered := &statusRecorder{ResponseWriter: w, status: http.StatusOK}
	defer func() { c.say("%s %s: %d", r.Method, legible.Line(r.URL.Path), answered.status) }()
	if c.down.Load() {
		http.Error(answered, "down", http.StatusServiceUnavailable)
		return
	}
	if r.URL.Path == usagePath {
		c.usage(answered, r)
		return
	}
	c.issuer.ServeHTTP(answered, r)
}

type statusRecorder struct {
	http.ResponseWriter
	status int
}

func (s *statusRecorder) WriteHeader(status int) {
	s.status = status
	s.ResponseWriter.WriteHeader(status)
}

// Unwrap is for http.ResponseController.
func (s *statusRecorder) Unwrap() http.ResponseWriter { return s.ResponseWriter }

func (c *console) say(format string, args ...any) {
	cli.LogLine(c.env, c.env.Now().Format(time.TimeOnly)+" "+fmt.Sprintf(format, args...))
}

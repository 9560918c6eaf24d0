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
	"github.com/bezoar-auth/bezoar/protocol/oauth/issuer"
	"github.com/bezoar-auth/bezoar/store/file"
)

var Issuer = cli.Command{
	Name:    "demo issuer",
	Summary: "Run an issuer on this machine to log in to, and to be refused by.",
	Usage:   "[--port N] [--access-lifetime TIME]",
	About: `It prints three exports for another terminal, with a temporary home, so that no real
login is touched. There, everything works as with a real issuer: bezoar login asks for
consent in a browser, tokens expire and rotate, and a second use ends the login; the
backend that is asked for rate limits is here too. This terminal logs each request and
takes commands:

  expire   let the access token of that home expire now: the next use refreshes it
  revoke   end every login, as the issuer's own page would: the next refresh is refused
  down     answer every request with 503, until
  up       answers as usual again

It asks for no password and protects nothing. The home is removed at the end, Ctrl-C.

Example: bezoar demo issuer`,
	Run: demoIssuer,
}

func demoIssuer(env cli.Environment, flags *flag.FlagSet, args []string) error {
	port := flags.Uint("port", 0, "listen at this `port`, for this machine alone; 0 for any")
	lifetime := flags.Duration("access-lifetime", 10*time.Minute, "how long an access token is good, a `time` such as 20s")
	if err := cli.Parse(flags, args); err != nil {
		return err
	}
	if *port > math.MaxUint16 {
		return cli.Misuse("--port wants a number up to %d", math.MaxUint16)
	}
	if *lifetime < time.Second {
		return cli.Misuse("--access-lifetime wants a second or more")
	}
	signals, stop := cli.UntilSignalOrHangup()
	defer stop()
	home, listener, err := openHome(*port)
	if err != nil {
		return err
	}
	defer os.RemoveAll(home)
	desk := &console{env: env, home: home, issuer: issuer.New(issuer.Options{AccessLifetime: *lifetime})}
	desk.printExports(urlOf(listener))
	return desk.serve(signals, listener)
}

// console is where somebody gives an issuer orders and hears what it does.
type console struct {
	env    cli.Environment
	home   string
	issuer *issuer.Issuer
	isDown atomic.Bool
}

func (d *console) printExports(url string) {
	for _, each := range [][2]string{
		{"BEZOAR_HOME", d.home},
		{"BEZOAR_LOGIN_ISSUER", url},
		{"BEZOAR_REFRESH_TOKEN_URL_OVERRIDE", url + "/oauth/token"},
	} {
		fmt.Fprintln(d.env.Stdout, assignment(each[0], each[1]))
	}
	d.say("put these lines into another terminal; then, there: bezoar login")
	d.say("commands here: expire, revoke, down, up; Ctrl-C ends it")
}

// assignment sets a variable in the shell that people have on this system.
func assignment(name, value string) string {
	if runtime.GOOS == "windows" {
		return fmt.Sprintf("$env:%s = '%s'", name, value)
	}
	return fmt.Sprintf("export %s='%s'", name, value)
}

// serve answers requests and takes orders until the program is told to go. The
// end of the orders is no reason to go.
func (d *console) serve(signals context.Context, listener net.Listener) error {
	server := &http.Server{Handler: d, ReadHeaderTimeout: time.Minute}
	context.AfterFunc(signals, func() { server.Close() })
	go func() {
		for orders := bufio.NewScanner(d.env.Stdin); orders.Scan(); {
			d.say("%s", d.execute(strings.TrimSpace(orders.Text())))
		}
	}()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// obey does what a line says, and answers.
func (d *console) execute(order string) string {
	switch order {
	case "expire":
		if err := d.expire(); err != nil {
			return "nothing expired: " + err.Error()
		}
		return "the access token has expired"
	case "revoke":
		return fmt.Sprintf("logins ended: %d", d.issuer.RevokeAll())
	case "down":
		d.isDown.Store(true)
		return "down: every request gets 503"
	case "up":
		d.isDown.Store(false)
		return "up again"
	}
	return "unknown command; there are expire, revoke, down and up"
}

var errNoLogin = errors.New("there is no login of this issuer in the home")

// expireLimit is for a disk that is slow.
const expireLimit = 10 * time.Second

// expire stores the login of the home as it will be when its access token has
// expired: a token states its expiry, and the clock is the machine's.
func (d *console) expire() error {
	ctx, cancel := context.WithTimeout(context.Background(), expireLimit)
	defer cancel()
	stored := file.Open(d.home, file.Options{})
	record, err := stored.Load(ctx)
	if errors.Is(err, persist.ErrNotFound) {
		return errNoLogin
	}
	if err != nil {
		return err
	}
	login := record.Credential
	aged, known := d.issuer.Age(login.RefreshToken)
	if !known {
		return errNoLogin
	}
	login.AccessToken, login.IDToken = aged.AccessToken, aged.IDToken
	return stored.Swap(ctx, record.Revision, login)
}

// usage answers for the backend: a plan, without limits.
func (d *console) usage(w http.ResponseWriter, r *http.Request) {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok || !d.issuer.Serves(secret.New(token)) {
		http.Error(w, "this token is not accepted", http.StatusUnauthorized)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(map[string]string{"plan_type": issuer.Ada.PlanType})
}

// ServeHTTP lets the issuer answer, if it is up, and tells of it.
func (d *console) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answered := &statusRecorder{ResponseWriter: w, status: http.StatusOK}
	defer func() { d.say("%s %s: %d", r.Method, cli.Printable(r.URL.Path), answered.status) }()
	if d.isDown.Load() {
		http.Error(answered, "down, as ordered", http.StatusServiceUnavailable)
		return
	}
	if r.URL.Path == usagePath {
		d.usage(answered, r)
		return
	}
	d.issuer.ServeHTTP(answered, r)
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

func (d *console) say(format string, args ...any) {
	cli.LogLine(d.env, d.env.Now().Format(time.TimeOnly)+" "+fmt.Sprintf(format, args...))
}

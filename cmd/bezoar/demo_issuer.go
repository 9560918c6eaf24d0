package main

import (
	"bufio"
	"context"
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

	"github.com/bezoar-auth/bezoar/protocol/oauth/issuer"
)

var demoIssuerCommand = command{
	name:    "demo issuer",
	summary: "Run an issuer on this machine to log in to, and to be refused by.",
	usage:   "[--port N] [--access-lifetime TIME]",
	about: `It prints what another terminal needs, a home of its own among it, so that no real
login is touched. There, everything works as with a real issuer: bezoar login asks for
consent in a browser, tokens expire and rotate, and a second use ends the login. Here,
each request is told, and each line is an order:

  revoke   end every login, as the issuer's own page would: the next refresh is refused
  down     answer nobody but with 503, until
  up       the issuer is well again

It asks for no password and guards nothing. The home goes when it ends, at Ctrl-C.

Example: bezoar demo issuer --access-lifetime 20s`,
	run: demoIssuer,
}

func demoIssuer(env environment, flags *flag.FlagSet, args []string) error {
	port := flags.Uint("port", 0, "listen at this `port`, for this machine alone; 0 for any")
	lifetime := flags.Duration("access-lifetime", time.Minute, "how long an access token is good, a `time` such as 20s")
	if err := parse(flags, args); err != nil {
		return err
	}
	if *port > math.MaxUint16 {
		return misuse("--port wants a number up to %d", math.MaxUint16)
	}
	if *lifetime < time.Second {
		return misuse("--access-lifetime wants a second or more")
	}
	signals, stop := untilNobodyLooks()
	defer stop()
	home, listener, err := openStage(*port)
	if err != nil {
		return err
	}
	defer os.RemoveAll(home)
	desk := &issuerDesk{env: env, issuer: issuer.New(issuer.Options{AccessLifetime: *lifetime})}
	desk.introduce("http://"+listener.Addr().String(), home)
	return desk.serve(signals, listener)
}

// issuerDesk is where somebody gives an issuer orders and hears what it does.
type issuerDesk struct {
	env    environment
	issuer *issuer.Issuer
	isDown atomic.Bool
}

func (d *issuerDesk) introduce(url, home string) {
	for _, each := range [][2]string{
		{"BEZOAR_HOME", home},
		{"BEZOAR_LOGIN_ISSUER", url},
		{"BEZOAR_REFRESH_TOKEN_URL_OVERRIDE", url + "/oauth/token"},
	} {
		fmt.Fprintln(d.env.stdout, assignment(each[0], each[1]))
	}
	d.say("put these lines into another terminal; then, there: bezoar login")
	d.say("orders here: revoke, down, up; Ctrl-C ends it")
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
func (d *issuerDesk) serve(signals context.Context, listener net.Listener) error {
	server := &http.Server{Handler: d, ReadHeaderTimeout: time.Minute}
	context.AfterFunc(signals, func() { server.Close() })
	go func() {
		for orders := bufio.NewScanner(d.env.stdin); orders.Scan(); {
			d.say("%s", d.obey(strings.TrimSpace(orders.Text())))
		}
	}()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// obey does what a line says, and answers.
func (d *issuerDesk) obey(order string) string {
	switch order {
	case "revoke":
		return fmt.Sprintf("logins ended: %d", d.issuer.RevokeAll())
	case "down":
		d.isDown.Store(true)
		return "down: everybody gets 503"
	case "up":
		d.isDown.Store(false)
		return "up again"
	}
	return "no such order; there are revoke, down and up"
}

// ServeHTTP lets the issuer answer, if it is up, and tells of it.
func (d *issuerDesk) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answered := &statusRecorder{ResponseWriter: w, status: http.StatusOK}
	defer func() { d.say("%s %s: %d", r.Method, printable(r.URL.Path), answered.status) }()
	if d.isDown.Load() {
		http.Error(answered, "down, as ordered", http.StatusServiceUnavailable)
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

func (d *issuerDesk) say(format string, args ...any) {
	logLine(d.env, d.env.now().Format(time.TimeOnly)+" "+fmt.Sprintf(format, args...))
}

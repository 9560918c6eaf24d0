package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/gofrs/flock"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/cli"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/config"
	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/endpoint"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/protocol/oauth"
	"github.com/bezoar-auth/bezoar/protocol/oauth/issuer"
	"github.com/bezoar-auth/bezoar/store/accountjson"
	"github.com/bezoar-auth/bezoar/store/disk"
	"github.com/bezoar-auth/bezoar/store/file"
)

// world is what surrounds one script: an issuer, the person at the other device,
// and every secret that was handed out, so that no output can hold one.
type world struct {
	*issuer.Issuer
	server *httptest.Server

	mu       sync.Mutex // guards what follows
	secrets  []string
	approves bool          // the person types in each user code at once
	skew     time.Duration // of the issuer's clock
	refuses  bool          // the site refuses all tokens
	door     int           // the status of the answer to those who ask for nothing
	arrived  map[string]int
	changed  chan struct{} // closed at each arrival, and made anew
}

type worldKey struct{}

func setUpWorld(env *testscript.Env) error {
	w := &world{arrived: map[string]int{}, changed: make(chan struct{}), secrets: []string{"sk-a-key-of-this-test"}}
	w.Issuer = issuer.New(issuer.Options{AutoConsent: true, Now: w.now})
	w.server = httptest.NewServer(w)
	env.Defer(w.server.Close)
	env.Values[worldKey{}] = w
	env.Setenv("BEZOAR_LOGIN_ISSUER", w.server.URL)
	env.Setenv("BEZOAR_REFRESH_TOKEN_URL_OVERRIDE", w.server.URL+"/oauth/token")
	env.Setenv("NO_PROXY", "127.0.0.1")
	env.Setenv("ISSUER", w.server.URL)
	env.Setenv("TZ", "UTC")
	acts, err := exec.LookPath("acts")
	if err != nil {
		return err
	}
	env.Setenv("ACTS", acts)
	_, err = os.Stat(filepath.Join(env.WorkDir, "nowhere"))
	missing := cli.WithoutPath(err).Error() // the words of this system
	env.Setenv("MISSING", missing)
	env.Setenv("MISSING_SO", strings.TrimSuffix(missing, ".")+"; ") // as a sentence goes on
	env.Setenv("GORACE", "atexit_sleep_ms=0")                       // else each program under -race takes a second to end
	return nil
}

func worldOf(ts *testscript.TestScript) *world { return ts.Value(worldKey{}).(*world) }

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return time.Now().Add(w.skew)
}

// ServeHTTP passes a request on to the issuer, and remembers what it hands out.
func (w *world) ServeHTTP(out http.ResponseWriter, r *http.Request) {
	answered := httptest.NewRecorder()
	defer w.arrive(r.URL.Path)
	if status := w.atTheDoor(); r.URL.Path == "/" && status != 0 {
		answered.WriteHeader(status)
	} else if name, isSite := strings.CutPrefix(r.URL.Path, "/site/"); isSite {
		w.serveSite(answered, r, name)
	} else {
		w.Issuer.ServeHTTP(answered, r)
	}
	if code, waits := w.learn(answered.Body.Bytes()); waits {
		w.Approve(code)
	}
	for name, values := range answered.Header() {
		out.Header()[name] = values
	}
	out.Header().Set("Date", w.now().UTC().Format(http.TimeFormat))
	out.WriteHeader(answered.Code)
	io.Copy(out, answered.Body)
}

func (w *world) atTheDoor() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.door
}

func (w *world) arrive(path string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.arrived[path]++
	close(w.changed)
	w.changed = make(chan struct{})
}

// learn remembers the secrets of an answer. It may be a user code for the person
// to type in.
func (w *world) learn(body []byte) (userCode string, isTypedIn bool) {
	var said map[string]any
	if json.Unmarshal(body, &said) != nil {
		return "", false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, name := range []string{"access_token", "refresh_token", "id_token", "device_auth_id", "code_verifier", "authorization_code"} {
		if text, ok := said[name].(string); ok {
			w.secrets = append(w.secrets, text)
		}
	}
	userCode, isTypedIn = said["user_code"].(string)
	return userCode, isTypedIn && w.approves
}

// exits runs a program, which must end with a code (or with another one) and tell no secret
// but token's, which is for standard output.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	wanted, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	code := 0
	if failed, ok := errors.AsType[*exec.ExitError](err); ok {
		code = failed.ExitCode()
	} else {
		ts.Check(err)
	}
	if code == wanted == neg {
		ts.Fatalf("exit code %d", code)
	}
	hidesSecrets(ts, false, args[1:])
}

// hidesSecrets looks for secrets in what the last program wrote.
func hidesSecrets(ts *testscript.TestScript, neg bool, args []string) {
	w := worldOf(ts)
	w.mu.Lock()
	defer w.mu.Unlock()
	outputs := map[string]string{"stderr": ts.ReadFile("stderr")}
	if !slices.Contains(args, "token") {
		outputs["stdout"] = ts.ReadFile("stdout")
	}
	for name, text := range outputs {
		for _, each := range w.secrets {
			if strings.Contains(text, each) {
				ts.Fatalf("%s holds a secret with fingerprint %s", name, secret.New(each).Fingerprint().Short())
			}
		}
	}
}

// loggedIn HOME [AGE] puts a login of Ada's into a home, made AGE ago by another
// program.
func loggedIn(ts *testscript.TestScript, neg bool, args []string) {
	w, age := worldOf(ts), time.Duration(0)
	if len(args) > 1 {
		var err error
		age, err = time.ParseDuration(args[1])
		ts.Check(err)
	}
	at := time.Now().Add(-age)
	grant := w.Login(issuer.Ada, at)
	w.mu.Lock()
	w.secrets = append(w.secrets, grant.AccessToken.Reveal(), grant.RefreshToken.Reveal(), grant.IDToken.Reveal())
	w.mu.Unlock()
	home := ts.MkAbs(args[0])
	if _, err := os.Stat(home); err != nil {
		ts.Check(disk.Here.MakeFolder(home))
	}
	ts.Check(file.Open(home, file.Options{}).Replace(context.Background(), machine.Credential{
		Method: machine.MethodTokens, IDToken: grant.IDToken, AccessToken: grant.AccessToken,
		RefreshToken: grant.RefreshToken, AccountID: issuer.Ada.ID, LastRefresh: at,
	}))
}

// accountLoggedIn HOME NAME AGE [AGE] makes an account of the profile "real", which is this
// issuer's, with a login that is so old. The ID token of the login may be of another age.
func accountLoggedIn(ts *testscript.TestScript, neg bool, args []string) {
	w, home := worldOf(ts), ts.MkAbs(args[0])
	age, err := time.ParseDuration(args[2])
	ts.Check(err)
	if _, err := os.Stat(home); err != nil {
		ts.Check(disk.Here.MakeFolder(home))
	}
	_, err = config.Account{Name: args[1], Profile: "real"}.Save(home)
	ts.Check(err)
	endpoint := w.server.URL + "/oauth/token"
	text := fmt.Sprintf("[issuers.real]\nissuer = %q\ndiscovery = \"none\"\ntoken_endpoint = %q\nclient_id = %q\nrefresh_send_scope = false\n", w.server.URL, endpoint, oauth.DefaultClientID)
	ts.Check(os.WriteFile(filepath.Join(home, "config.toml"), []byte(text), 0o600))
	at := time.Now().Add(-age)
	grant := w.Login(issuer.Ada, at)
	w.mu.Lock()
	w.secrets = append(w.secrets, grant.AccessToken.Reveal(), grant.RefreshToken.Reveal(), grant.IDToken.Reveal())
	w.mu.Unlock()
	if len(args) > 3 {
		older, err := time.ParseDuration(args[3])
		ts.Check(err)
		grant.IDToken = w.Login(issuer.Ada, time.Now().Add(-older)).IDToken
	}
	folder := config.AccountFolder(home, args[1])
	ts.Check(file.Open(folder, file.Options{Format: accountjson.Format}).Replace(context.Background(), machine.Credential{
		Method: machine.MethodTokens, IDToken: grant.IDToken, AccessToken: grant.AccessToken, RefreshToken: grant.RefreshToken,
		AccountID: issuer.Ada.ID, LastRefresh: at, ExpiresAt: at.Add(time.Hour), OwnerID: "made for " + args[1],
		Provenance: machine.Provenance{Issuer: w.server.URL, ClientID: oauth.DefaultClientID, TokenEndpoint: endpoint},
	}))
}

// spent HOME spends the refresh token of a home elsewhere, so that it is dead.
func spent(ts *testscript.TestScript, neg bool, args []string) {
	w := worldOf(ts)
	record, err := file.Open(ts.MkAbs(args[0]), file.Options{}).Load(context.Background())
	ts.Check(err)
	issuer := machine.Issuer{TokenEndpoint: w.server.URL + "/oauth/token", ClientID: oauth.DefaultClientID}
	answer := oauth.New(oauth.Options{}).Refresh(context.Background(), issuer, record.Credential.RefreshToken, endpoint.CauseOld)
	if _, granted := answer.(endpoint.Issued); !granted {
		ts.Fatalf("the issuer did not grant a refresh")
	}
}

// issuerAnswers CALL STATUS [RETRY-AFTER|BODY] is how a call is answered from now on; a
// STATUS of 0 is the issuer at its best.
func issuerAnswers(ts *testscript.TestScript, neg bool, args []string) {
	status, err := strconv.Atoi(args[1])
	ts.Check(err)
	step := issuer.Step{Status: status}
	switch {
	case len(args) > 2 && strings.HasPrefix(args[2], "{"):
		step.Body = args[2]
	case len(args) > 2:
		step.Header = http.Header{"Retry-After": {args[2]}}
	}
	worldOf(ts).Always(issuer.Call(args[0]), step)
}

// person approves|waits is what the person at the other device does.
func person(ts *testscript.TestScript, neg bool, args []string) {
	w := worldOf(ts)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.approves = args[0] == "approves"
}

// posts N is how many refreshes have reached the issuer.
func posts(ts *testscript.TestScript, neg bool, args []string) {
	if got := strconv.Itoa(worldOf(ts).Counts().Posts); got != args[0] {
		ts.Fatalf("%s posts, not %s", got, args[0])
	}
}

// patience is how long a script waits for what another program does, on a machine
// that is busy.
const patience = time.Minute

// joins writes files one after the other into the first one named.
func joins(ts *testscript.TestScript, neg bool, args []string) {
	var all strings.Builder
	for _, name := range args[1:] {
		all.WriteString(ts.ReadFile(name))
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(all.String()), 0o600))
}

// await PATH waits until the issuer was asked for a path.
func await(ts *testscript.TestScript, neg bool, args []string) {
	w := worldOf(ts)
	for late := time.After(patience); ; {
		w.mu.Lock()
		count, changed := w.arrived[args[0]], w.changed
		w.mu.Unlock()
		if count > 0 {
			return
		}
		select {
		case <-changed:
		case <-late:
			ts.Fatalf("%s was not asked for within %v", args[0], patience)
		}
	}
}

// soon PROGRAM... runs a program again and again until it succeeds.
func soon(ts *testscript.TestScript, neg bool, args []string) {
	until(ts, func() bool { return ts.Exec(args[0], args[1:]...) == nil })
}

// holds FOLDER [NAME...] is all that a folder has.
func holds(ts *testscript.TestScript, neg bool, args []string) {
	entries, err := os.ReadDir(ts.MkAbs(args[0]))
	ts.Check(err)
	var names []string
	for _, each := range entries {
		names = append(names, each.Name())
	}
	if !slices.Equal(names, args[1:]) {
		ts.Fatalf("%s has %q", args[0], names)
	}
}

// comes PATTERN waits until there is a file, and goes PATTERN until there is none.
func comes(ts *testscript.TestScript, neg bool, args []string) { waitFor(ts, args[0], true) }
func goes(ts *testscript.TestScript, neg bool, args []string)  { waitFor(ts, args[0], false) }

func waitFor(ts *testscript.TestScript, pattern string, isThere bool) {
	until(ts, func() bool {
		found, err := filepath.Glob(ts.MkAbs(pattern))
		ts.Check(err)
		return len(found) > 0 == isThere
	})
}

// edit FILE EXPRESSION TEXT puts a text in the place of what an expression finds in a file.
func edit(ts *testscript.TestScript, neg bool, args []string) {
	path, found := ts.MkAbs(args[0]), regexp.MustCompile(args[1])
	content, err := os.ReadFile(path)
	ts.Check(err)
	if !found.Match(content) {
		ts.Fatalf("%s has nothing like %s", args[0], args[1])
	}
	ts.Check(os.WriteFile(path, found.ReplaceAllLiteral(content, []byte(args[2])), 0o600))
}

// skew DURATION is how far the issuer's clock is ahead.
func skew(ts *testscript.TestScript, neg bool, args []string) {
	ahead, err := time.ParseDuration(args[0])
	ts.Check(err)
	w := worldOf(ts)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.skew = ahead
}

// door STATUS is how the issuer's host answers those who ask for nothing.
func door(ts *testscript.TestScript, neg bool, args []string) {
	status, err := strconv.Atoi(args[0])
	ts.Check(err)
	w := worldOf(ts)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.door = status
}

// portPatience leaves the script behind it some of the time that all scripts have.
const portPatience = 3 * time.Minute

// callbackPort waits until no other test on this machine uses the ports of browser
// logins: there are two in all the world. The conversations in properties wait at
// the same lock.
func callbackPort(ts *testscript.TestScript, neg bool, args []string) {
	lock := flock.New(filepath.Join(os.TempDir(), "bezoar-properties-login-port.lock"))
	ctx, cancel := context.WithTimeout(context.Background(), portPatience)
	defer cancel()
	if _, err := lock.TryLockContext(ctx, 10*time.Millisecond); err != nil {
		ts.Fatalf("another test had the ports of browser logins for %v: %v", portPatience, err)
	}
	ts.Defer(func() { lock.Close() })
}

// until waits for something.
func until(ts *testscript.TestScript, isSo func() bool) {
	for begun := time.Now(); !isSo(); time.Sleep(10 * time.Millisecond) {
		if time.Since(begun) > patience {
			ts.Fatalf("not so within %v", patience)
		}
	}
}

// isIn reports whether a file has what an expression finds.
func isIn(ts *testscript.TestScript, path, expression string) bool {
	content, err := os.ReadFile(ts.MkAbs(path))
	return err == nil && regexp.MustCompile("(?m)"+expression).Match(content)
}

// shows FILE EXPRESSION waits until a file has what an expression finds.
func shows(ts *testscript.TestScript, neg bool, args []string) {
	until(ts, func() bool { return isIn(ts, args[0], args[1]) })
}

// changes FILE BEFORE waits until a file has something else than another one.
func changes(ts *testscript.TestScript, neg bool, args []string) {
	before := ts.ReadFile(args[1])
	until(ts, func() bool {
		now, err := os.ReadFile(ts.MkAbs(args[0]))
		return err == nil && len(now) > 0 && string(now) != before
	})
}

// soonStdout EXPRESSION PROGRAM... runs a program until it writes what an expression finds.
func soonStdout(ts *testscript.TestScript, neg bool, args []string) {
	until(ts, func() bool {
		return ts.Exec(args[1], args[2:]...) == nil && regexp.MustCompile("(?m)"+args[0]).MatchString(ts.ReadFile("stdout"))
	})
}

// differs FILE PROGRAM... runs a program until it writes something else than a file has.
func differs(ts *testscript.TestScript, neg bool, args []string) {
	before := ts.ReadFile(args[0])
	until(ts, func() bool {
		return ts.Exec(args[1], args[2:]...) == nil && ts.ReadFile("stdout") != "" && ts.ReadFile("stdout") != before
	})
}

// soonSaid FILE EXPRESSION PROGRAM... runs a program until a file of another one has what an
// expression finds.
func soonSaid(ts *testscript.TestScript, neg bool, args []string) {
	until(ts, func() bool {
		_ = ts.Exec(args[2], args[3:]...)
		return isIn(ts, args[0], args[1])
	})
}

// soonExits CODE PROGRAM... runs a program until it ends with a code.
func soonExits(ts *testscript.TestScript, neg bool, args []string) {
	until(ts, func() bool {
		failed, ok := errors.AsType[*exec.ExitError](ts.Exec(args[1], args[2:]...))
		return ok && strconv.Itoa(failed.ExitCode()) == args[0]
	})
}

// exportLine sets a variable in the usual shell of a system.
var exportLine = regexp.MustCompile(`(?m)^(?:export |\$env:)(\w+) ?= ?'(.*)'$`)

// exported FILE N waits until a file sets N variables for a shell, and sets them here.
func exported(ts *testscript.TestScript, neg bool, args []string) {
	shows(ts, false, []string{args[0], `\A([^\n]*\n){` + args[1] + `}`})
	for _, each := range exportLine.FindAllStringSubmatch(ts.ReadFile(args[0]), -1) {
		ts.Setenv(each[1], each[2])
	}
}

// gone PATTERN demands that there is no such file.
func gone(ts *testscript.TestScript, neg bool, args []string) {
	found, err := filepath.Glob(ts.MkAbs(args[0]))
	ts.Check(err)
	if len(found) > 0 {
		ts.Fatalf("there is %q", found)
	}
}

// The programs that open an address in a browser, on each system.
func init() {
	for _, name := range []string{"xdg-open", "open", "rundll32"} {
		programs[name] = openAddress
	}
}

// openAddress gives its last word to a browser, and writes the arguments of all programs to
// the file "arguments", where the system has them in files. With BROWSER_FAILS it fails.
func openAddress() {
	if os.Getenv("BROWSER_FAILS") != "" {
		os.Exit(3)
	}
	all, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	var arguments []byte
	for _, each := range all {
		line, _ := os.ReadFile(each) // or it has ended
		arguments = append(arguments, line...)
	}
	exitOn(os.WriteFile("arguments", arguments, 0o600))
	browse(os.Args[len(os.Args)-1])
}

// browse is a browser, with a person who allows what a page asks for: it opens a
// file and goes where it is sent. What it sees at the end is left in a file, and
// then the issuer is asked for /closed.
func browse(path string) {
	signal.Ignore(syscall.SIGHUP) // the terminal of the login goes before a browser does
	page, address, err := visit(path)
	if bytes.Contains(page, []byte(`value="allow"`)) {
		page, err = read(http.PostForm(address, url.Values{"decision": {"allow"}}))
	}
	if err == nil {
		err = os.WriteFile(os.Getenv("PAGE"), bytes.TrimSpace(page), 0o600)
	}
	if err == nil {
		_, err = http.Get(os.Getenv("ISSUER") + "/closed")
	}
	exitOn(err)
}

// visit opens a file, and is sent on to a page.
func visit(path string) (page []byte, address string, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, "", err
	}
	if mode := info.Mode().Perm(); mode != 0o600 && runtime.GOOS != "windows" { // the folder is one user's there
		return nil, "", fmt.Errorf("the file has mode %v", mode)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, "", err
	}
	sent := regexp.MustCompile(`content="0; url=([^"]+)"`).FindSubmatch(content)
	if sent == nil {
		return nil, "", fmt.Errorf("the file sends nowhere: %s", content)
	}
	response, err := http.Get(string(sent[1]))
	if err != nil {
		return nil, "", err
	}
	page, err = read(response, nil)
	return page, response.Request.URL.String(), err
}

func read(response *http.Response, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	return io.ReadAll(response.Body)
}

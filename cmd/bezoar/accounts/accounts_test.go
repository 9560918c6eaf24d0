package accounts_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/account"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/accounts"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/cli"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/config"
	issuercommand "github.com/bezoar-auth/bezoar/cmd/bezoar/issuer"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/publish"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/scenetest"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/server"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/session"
	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/machine/machinetest"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/protocol/oauth/issuer"
	"github.com/bezoar-auth/bezoar/store/disk"
	"github.com/bezoar-auth/bezoar/store/fallback"
)

func commands() []cli.Command {
	return []cli.Command{
		account.Login, account.Log, account.Logout, account.Status, account.Token, accounts.List, accounts.Remove, accounts.Rename, issuercommand.Check, publish.Command, server.AppServer,
	}
}

// site is a home, and an issuer that listens on loopback.
type site struct {
	t      *testing.T
	home   string
	issuer *issuer.Issuer
	env    map[string]string
}

func newSite(t *testing.T) *site {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	origin := "http://" + listener.Addr().String()
	s := &site{t: t, home: machinetest.Dir(t), env: map[string]string{}}
	s.issuer = issuer.New(issuer.Options{AutoConsent: true, AccessLifetime: time.Hour, Dialect: &issuer.Plain{Issuer: origin}})
	served := &http.Server{Handler: s.issuer}
	go served.Serve(listener)
	t.Cleanup(func() { served.Close() })
	s.write("config.toml", fmt.Sprintf("[issuers.mine]\ndisplay_name = 'Mine'\nissuer = %q\nclient_id = %q\n", origin, s.issuer.Profile().ClientID))
	return s
}

func (s *site) write(name, text string) {
	require.NoError(s.t, os.WriteFile(filepath.Join(s.home, name), []byte(text), 0o600))
}

// page is standard error, in which a login prints its address.
type page struct {
	mu      sync.Mutex
	text    bytes.Buffer
	written chan struct{}
}

func (p *page) Write(text []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	defer func() { p.written <- struct{}{} }()
	return p.text.Write(text)
}

func (p *page) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.String()
}

var addressOf = regexp.MustCompile(`(?m)^  (http\S+)$`)

// run runs a command on the home. If it prints an address to log in at, a browser opens that.
func (s *site) run(args ...string) (stdout, stderr string, code int) {
	var out bytes.Buffer
	errs := &page{written: make(chan struct{}, 1000)}
	env := cli.Environment{
		Stdin: strings.NewReader(""), Stdout: &out, Stderr: errs, Log: cli.NewLogQueue(errs), Now: time.Now,
		Getenv: func(name string) string { return s.env[name] },
	}
	ended := make(chan int)
	go func() { ended <- cli.Commands(commands).Run(env, append(args, "--home", s.home)) }()
	for opened := false; ; {
		select {
		case code := <-ended:
			return out.String(), errs.String(), code
		case <-errs.written:
			if found := addressOf.FindStringSubmatch(errs.String()); found != nil && !opened {
				opened = true
				response, err := http.Get(found[1])
				require.NoError(s.t, err)
				_, _ = io.Copy(io.Discard, response.Body)
				response.Body.Close()
			}
		}
	}
}

func (s *site) must(args ...string) string {
	s.t.Helper()
	stdout, stderr, code := s.run(args...)
	require.Zero(s.t, code, "%s", stderr)
	return stdout
}

func (s *site) fails(code int, says string, args ...string) {
	s.t.Helper()
	stdout, stderr, got := s.run(args...)
	require.Equal(s.t, code, got, "%s%s", stdout, stderr)
	require.Contains(s.t, stderr, says)
}

func (s *site) logIn(name string) { s.must("login", "--issuer", "mine", "--account", name) }

func TestAnAccountLivesFromItsLoginToItsRemoval(t *testing.T) {
	s := newSite(t)
	require.Equal(t, "Logged in as ada@example.com.\n", s.must("login", "--issuer", "mine", "--account", "work"))
	require.NoFileExists(t, filepath.Join(s.home, "auth.json"), "the login of the home is another one")
	token := s.must("token", "--account", "WORK")
	s.env["BEZOAR_ACCOUNT"] = "work"
	require.Equal(t, token, s.must("token"))
	require.Regexp(t, `^work \(Mine\): Fresh since `, s.must("status"))
	require.Regexp(t, `(?m)^.* login .* Mine$`, s.must("log"))
	require.Regexp(t, `^work +mine +Fresh +ada@example.com, due `, s.must("accounts"))
	delete(s.env, "BEZOAR_ACCOUNT")
	s.fails(cli.ExitLogin, "", "status")

	require.Equal(t, "The account work is called Job now.\n", s.must("accounts", "rename", "work", "Job"))
	if _, err := os.Stat(filepath.Join(s.home, "accounts", "JOB")); err != nil { // a disk for which these are two names
		require.Equal(t, "The account Job is called job now.\n", s.must("accounts", "rename", "JOB", "job"))
	} else {
		s.must("accounts", "rename", "JOB", "other")
		s.must("accounts", "rename", "other", "job")
	}
	require.Equal(t, "job\n", s.must("accounts", "--names"))
	require.Equal(t, token, s.must("token", "--account", "job"))

	require.Equal(t, "Logged out, and revoked at the issuer.\n", s.must("logout", "--account", "job"))
	require.Len(t, s.issuer.Requests(issuer.Revoke), 1)
	require.Regexp(t, `^job +mine +NoAuth +next: bezoar login --account job\n$`, s.must("accounts"))
	s.must("login", "--account", "job")
	require.Equal(t, "Removed the account job, and revoked its login at the issuer.\n", s.must("accounts", "remove", "--yes", "job"))
	require.Len(t, s.issuer.Requests(issuer.Revoke), 2)
	left, err := os.ReadDir(filepath.Join(s.home, "accounts"))
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestTheListSaysWhoseAnAccountIs(t *testing.T) {
	s := newSite(t)
	require.Contains(t, s.must("accounts"), "There are no accounts.")
	s.logIn("work")
	var said struct {
		Accounts []map[string]any `json:"accounts"`
	}
	require.NoError(t, json.Unmarshal([]byte(s.must("accounts", "--json")), &said))
	require.Len(t, said.Accounts, 1)
	one := said.Accounts[0]
	require.NotNil(t, one["dueAt"])
	delete(one, "dueAt")
	require.Equal(t, map[string]any{
		"name": "work", "profile": "mine", "issuer": s.issuer.Profile().Issuer, "state": "Fresh", "usable": true, "action": "none",
		"email": "ada@example.com", "subject": "user-ada", "problem": nil, "nextStep": nil,
	}, one)
}

func TestAFailedLoginMakesNoAccount(t *testing.T) {
	s := newSite(t)
	s.issuer.Script(issuer.Exchange, issuer.Step{Status: 400, Body: `{"error":"invalid_grant"}`})
	s.fails(cli.ExitError, "Token exchange failed", "login", "--issuer", "mine", "--account", "work")
	require.NoDirExists(t, filepath.Join(s.home, "accounts", "work"))
	s.fails(cli.ExitUsage, "name the account", "login", "--issuer", "mine")
	s.fails(cli.ExitUsage, "the profiles are codex, mine", "login", "--issuer", "other", "--account", "work")
	s.fails(cli.ExitUsage, "no account is called work", "login", "--account", "work")
	s.write("config.toml", "[issuers.mine]\nissuer = 'http://127.0.0.1:1'\nclient_id = 'native'\n")
	s.fails(cli.ExitOperator, "does not say where to log in", "login", "--issuer", "mine", "--account", "work")
	require.NoDirExists(t, filepath.Join(s.home, "accounts"))
}

func TestALoginThatFailsLeavesAnAccountAsItWas(t *testing.T) {
	s := newSite(t)
	s.logIn("work")
	before, token := s.files("work"), s.must("token", "--account", "work")
	s.issuer.Script(issuer.Exchange, issuer.Step{Status: 400, Body: `{"error":"invalid_grant"}`})
	s.fails(cli.ExitError, "Token exchange failed", "login", "--account", "work")
	require.Equal(t, before["account.json"], s.files("work")["account.json"])
	require.Equal(t, token, s.must("token", "--account", "work"))
	s.fails(cli.ExitOperator, "it is one of the profile mine", "login", "--issuer", "codex", "--account", "work")
}

// files are the files of an account.
func (s *site) files(name string) map[string]string {
	all := map[string]string{}
	entries, err := os.ReadDir(filepath.Join(s.home, "accounts", name))
	require.NoError(s.t, err)
	for _, each := range entries {
		if each.Type().IsRegular() {
			content, err := os.ReadFile(filepath.Join(s.home, "accounts", name, each.Name()))
			require.NoError(s.t, err)
			all[each.Name()] = string(content)
		}
	}
	return all
}

func TestACheckOfAnIssuerKeepsWhatItSaysForItsAccounts(t *testing.T) {
	s := newSite(t)
	s.logIn("work")
	before := s.files("work")
	require.Regexp(t, `(?m)^ok +accounts +it is kept for work$`, s.must("issuer", "check", "mine"))
	after := s.files("work")
	require.NotEqual(t, before["account.json"], after["account.json"], "it says when")
	require.Equal(t, before["login.json"], after["login.json"])
	s.env["BEZOAR_ACCOUNT"] = "work"
	s.write("config.toml", "[issuers.mine]\nissuer = 7\nclient_id = 'native'\n")
	stdout, _, code := s.run("issuer", "check", "mine")
	require.Equal(t, cli.ExitOperator, code)
	require.Contains(t, stdout, "line 2", "an account of a broken profile does not keep its mistakes from being shown")
}

func TestABrokenProfileTouchesNoLogin(t *testing.T) {
	s := newSite(t)
	s.logIn("work")
	before := s.files("work")
	s.write("config.toml", "[issuers.mine]\nissuer = 7\nclient_id = 'native'\n")
	for _, command := range [][]string{{"status"}, {"token"}, {"login"}, {"logout"}, {"accounts", "remove", "--yes"}} {
		args := append(command, "--account", "work")
		if command[0] == "accounts" {
			args = append(command, "work")
		}
		s.fails(cli.ExitOperator, "line 2, [issuers.mine] issuer: ", args...)
	}
	require.Contains(t, s.must("accounts"), "line 2, [issuers.mine] issuer: ")
	require.Equal(t, before, s.files("work"))
	s.must("accounts", "remove", "--yes", "--local", "work")
	require.Empty(t, s.issuer.Requests(issuer.Revoke))
}

func TestAnUnknownAccountIsNamedWithTheKnownOnes(t *testing.T) {
	s := newSite(t)
	s.logIn("work")
	s.fails(cli.ExitUsage, "no account is called wrok (--account): there are work; did you mean work?", "token", "--account", "wrok")
	s.fails(cli.ExitUsage, "--account takes ", "token", "--account", "../work")
	s.fails(cli.ExitUsage, "no account is called play (OLD)", "accounts", "rename", "play", "toys")
	s.logIn("play")
	s.fails(cli.ExitError, "there is an account work already", "accounts", "rename", "play", "Work")
	s.fails(cli.ExitUsage, "Windows' devices", "accounts", "rename", "play", "nul.txt")
	s.fails(cli.ExitUsage, "add --yes", "accounts", "remove", "play")
	require.Equal(t, "play\nwork\n", s.must("accounts", "--names"))
}

// A Codex sends the token that it is given to OpenAI.
func TestALoginOfAnyIssuerIsNotForCodex(t *testing.T) {
	s := newSite(t)
	s.logIn("work")
	for _, args := range [][]string{{"app-server"}, {"publish", machinetest.Dir(t), "--once"}} {
		s.fails(cli.ExitOperator, "Codex would send the token to OpenAI; use bezoar token --account work", append(args, "--account", "work")...)
	}
	require.Empty(t, s.issuer.Requests(issuer.Refresh))
}

// of is the configuration of an account.
func (s *site) of(name string) config.Config {
	c, err := config.Load(config.Flags{Home: s.home, Account: name}, func(string) string { return "" })
	require.NoError(s.t, err)
	return c
}

func TestAnAccountThatIsRefreshedStaysWhereItIs(t *testing.T) {
	s := newSite(t)
	s.logIn("work")
	c := s.of("work")
	record, err := session.StoreOf(c, fallback.Options{Log: session.Quiet}).Load(t.Context())
	require.NoError(t, err)
	id := session.PolicyOf(c).TokenID(record.Credential)
	intent := persist.Entry{Kind: persist.Intended, At: time.Now(), TokenID: id, PID: os.Getpid()}
	require.NoError(t, session.LedgerOf(c, session.Quiet).Intend(t.Context(), intent, history.Doubt{}))
	const underWay = "a refresh of the account work is under way"
	s.fails(cli.ExitWait, underWay, "accounts", "remove", "--yes", "work")
	s.fails(cli.ExitWait, underWay, "accounts", "rename", "work", "job")

	s.logIn("play")
	unlock, err := disk.Here.NewRefreshLock(s.of("play").Home, session.Quiet).Acquire(t.Context())
	require.NoError(t, err)
	s.fails(cli.ExitWait, "another program is refreshing the account play", "accounts", "rename", "play", "toys")
	before := s.files("play")
	s.fails(cli.ExitWait, "another program is refreshing the account play", "accounts", "remove", "--yes", "play")
	require.Equal(t, before, s.files("play"))
	require.Empty(t, s.issuer.Requests(issuer.Revoke))
	unlock()
	s.must("accounts", "rename", "play", "toys")
	require.Equal(t, "toys\nwork\n", s.must("accounts", "--names"))
}

// What a process could not store is in its memory alone, and its ledger says so.
func TestAnAccountWhoseTokensAreHeldStaysWhereItIs(t *testing.T) {
	s := newSite(t)
	s.logIn("work")
	c := s.of("work")
	record, err := session.StoreOf(c, fallback.Options{Log: session.Quiet}).Load(t.Context())
	require.NoError(t, err)
	ledger := session.LedgerOf(c, session.Quiet)
	note := func(e persist.Entry) {
		e.At = time.Now()
		require.NoError(t, ledger.Append(t.Context(), e))
	}
	stored := session.PolicyOf(c).TokenID(record.Credential)
	note(persist.Entry{Kind: persist.Rotated, TokenID: stored, NextID: "0123", Unsaved: true, PID: os.Getpid()})
	held := fmt.Sprintf("process %d has newer tokens of the account work in its memory", os.Getpid())
	stays := func(code int, says string) {
		before := s.files("work")
		s.fails(code, says, "accounts", "rename", "work", "job")
		s.fails(code, says, "accounts", "remove", "--yes", "work")
		after := s.files("work")
		delete(before, disk.LockFile)
		delete(after, disk.LockFile)
		require.Equal(t, before, after)
	}
	stays(cli.ExitOperator, held)
	login := filepath.Join(c.Home, "login.json")
	content, err := os.ReadFile(login)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(login, []byte("damaged"), 0o600))
	stays(cli.ExitOperator, held)
	require.NoError(t, os.WriteFile(login, content, 0o600))
	note(persist.Entry{Kind: persist.Rotated, TokenID: stored, NextID: "4567", Unsaved: true, PID: scenetest.NoProcess})
	s.must("accounts", "rename", "work", "job")
}

func TestABrokenAccountOfCodexIsCheckedToo(t *testing.T) {
	s := newSite(t)
	s.logIn("work")
	folder := s.of("work").Home
	c, err := config.Load(config.Flags{Home: s.home}, func(string) string { return "" })
	require.NoError(t, err)
	c.Home = folder
	store, ledger := session.StoreOf(c, fallback.Options{Log: session.Quiet}), session.LedgerOf(c, session.Quiet)
	login := machine.Credential{Method: machine.MethodTokens, IDToken: secret.New("e30.e30.e30"), AccessToken: secret.New("access"), RefreshToken: secret.New("refresh"), LastRefresh: time.Now()}
	require.NoError(t, store.Replace(t.Context(), login))
	require.NoError(t, os.Remove(filepath.Join(folder, "login.json")))
	require.NoError(t, os.WriteFile(filepath.Join(folder, "account.json"), []byte("damaged"), 0o600))
	note := persist.Entry{Kind: persist.Rotated, At: time.Now(), TokenID: session.PolicyOf(c).TokenID(login), NextID: "0123", Unsaved: true, PID: os.Getpid()}
	require.NoError(t, ledger.Append(t.Context(), note))
	s.fails(cli.ExitOperator, "newer tokens of the account work", "accounts", "remove", "--yes", "--local", "work")
	require.FileExists(t, filepath.Join(folder, "auth.json"))
}

func TestARemovalTakesAwayWhatAnEarlierOneLeft(t *testing.T) {
	s := newSite(t)
	s.logIn("work")
	left := filepath.Join(s.home, "accounts", ".removed-1")
	require.NoError(t, os.MkdirAll(filepath.Join(left, "play"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(left, "play", "login.json"), nil, 0o600))
	s.must("accounts", "remove", "--yes", "work")
	require.NoDirExists(t, left)
}

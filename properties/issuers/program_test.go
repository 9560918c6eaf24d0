package issuers

import (
	"bufio"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/cli"
	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/endpoint"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/properties/programtest"
	"github.com/bezoar-auth/bezoar/protocol/oauth"
	"github.com/bezoar-auth/bezoar/protocol/profile"
	"github.com/bezoar-auth/bezoar/store/accountjson"
)

// user has the program, a home with a profile and an account, and a gate in front of the
// issuer that counts what the program posts.
type user struct {
	t       *testing.T
	issuer  string
	program string
	home    string
	gate    string
	profile map[string]string // by key, as config.toml has them

	mu    sync.Mutex     // guards posts
	posts map[string]int // by path
}

func newUser(t *testing.T, address string) *user {
	program, err := programtest.Path()
	require.NoError(t, err)
	u := &user{t: t, issuer: address, program: program, home: t.TempDir(), posts: map[string]int{}}
	metadata, err := oauth.New(oauth.Options{}).Discover(t.Context(), profile.Profile{Issuer: address, Discovery: profile.DiscoveryAuto})
	require.NoError(t, err)
	gate := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		to := map[string]string{"/token": metadata.TokenEndpoint, "/revoke": metadata.RevocationEndpoint}[r.In.URL.Path]
		r.Out.URL, err = url.Parse(to)
		require.NoError(t, err)
		r.Out.Host = r.Out.URL.Host
		u.mu.Lock()
		defer u.mu.Unlock()
		u.posts[r.In.URL.Path]++
	}})
	t.Cleanup(gate.Close)
	u.gate = gate.URL
	u.profile = map[string]string{
		"issuer": quoted(address), "client_id": "'native'", "scopes": "['openid', 'email', 'offline_access']", "authorization_params": "{ prompt = 'consent' }",
		"token_endpoint": quoted(u.gate + "/token"), "revocation_endpoint": quoted(u.gate + "/revoke"),
	}
	return u
}

func quoted(s string) string { return "'" + s + "'" }

// counts are the posts of a path since the last call.
func (u *user) counts(path string) int {
	u.mu.Lock()
	defer u.mu.Unlock()
	defer delete(u.posts, path)
	return u.posts[path]
}

// command is one of the program on the account.
func (u *user) command(words ...string) *exec.Cmd {
	text := "[issuers.real]\n"
	for key, value := range u.profile {
		text += key + " = " + value + "\n"
	}
	require.NoError(u.t, os.WriteFile(filepath.Join(u.home, "config.toml"), []byte(text), 0o600))
	command := exec.Command(u.program, append(words, "--account", "work", "--home", u.home)...)
	command.Env = append(os.Environ(), "REAL_SECRET=wrong")
	return command
}

// run runs the program to its end.
func (u *user) run(words ...string) (code int, out, said string) {
	command := u.command(words...)
	var stdout, stderr strings.Builder
	command.Stdout, command.Stderr = &stdout, &stderr
	_ = command.Run()
	return command.ProcessState.ExitCode(), strings.TrimSpace(stdout.String()), stderr.String()
}

// logsIn logs in with a browser, and returns what the program said.
func (u *user) logsIn() (said string) {
	command := u.command("login", "--issuer", "real", "--no-browser")
	stderr, err := command.StderrPipe()
	require.NoError(u.t, err)
	require.NoError(u.t, command.Start())
	for lines := bufio.NewScanner(stderr); lines.Scan(); {
		said += lines.Text() + "\n"
		if address := strings.TrimSpace(lines.Text()); strings.HasPrefix(address, u.issuer) && strings.Contains(address, "code_challenge") {
			require.Contains(u.t, newPerson(ofZitadel).opens(u.t, address), "You are logged in")
		}
	}
	require.NoError(u.t, command.Wait(), "%s", said)
	u.counts("/token")
	return said
}

func (u *user) record() string { return filepath.Join(u.home, "accounts", "work", "login.json") }

// login is the one that is stored.
func (u *user) login() machine.Credential {
	text, err := os.ReadFile(u.record())
	require.NoError(u.t, err)
	c, err := accountjson.Decode(text)
	require.NoError(u.t, err)
	return c
}

// changes changes the stored login: most often, so that its access token has expired.
func (u *user) changes(change func(*machine.Credential)) {
	c := u.login()
	c.ExpiresAt = time.Now() // earlier, it would have expired when it was asked for: a clock would be wrong
	change(&c)
	text, err := accountjson.Encode(c, nil)
	require.NoError(u.t, err)
	require.NoError(u.t, os.WriteFile(u.record(), text, 0o600))
}

func expired(*machine.Credential) {}

// stranger posts a refresh token at the issuer, past the gate.
func (u *user) stranger(token secret.Token) endpoint.Answer {
	client := clientOf(u.t, profileOf(u.issuer), "")
	return client.Refresh(u.t.Context(), machine.Policy{}.IssuerOf(machine.Credential{Provenance: client.Provenance()}), token, "")
}

// ends requires that a refresh is posted once, and no more after that.
func (u *user) ends(code int, why string) {
	for try, want := range []int{1, 0, 0} {
		got, out, said := u.run("token")
		require.Equal(u.t, code, got, said)
		require.Empty(u.t, out)
		require.Contains(u.t, said, why)
		require.Equal(u.t, want, u.counts("/token"), "posts of try %d", try)
	}
}

func TestEightProcessesRefreshALoginOfARealIssuerOnce(t *testing.T) {
	each(t, func(t *testing.T, address string) {
		u := newUser(t, address)
		u.logsIn()
		for range 2 { // the family lives on
			u.changes(expired)
			old := u.login()
			commands, outs := make([]*exec.Cmd, 8), make([]string, 8)
			for n := range commands {
				commands[n] = u.command("token") // which writes config.toml: none runs yet
			}
			var all sync.WaitGroup
			for n, command := range commands {
				all.Go(func() {
					var stderr strings.Builder
					command.Stderr = &stderr
					out, err := command.Output()
					outs[n] = fmt.Sprint(strings.TrimSpace(string(out)), err, stderr.String())
				})
			}
			all.Wait()
			now := u.login()
			require.False(t, now.RefreshToken.Equal(old.RefreshToken))
			for _, out := range outs {
				require.Equal(t, now.AccessToken.Reveal()+"<nil>", out)
			}
			require.Equal(t, 1, u.counts("/token"))
		}
		require.IsType(t, endpoint.Issued{}, u.stranger(u.login().RefreshToken))
	})
}

// A stranger has the refresh token of before, or, where that ends no login, the one in use.
func TestReuseByAStrangerPoisonsALoginWithinOnePost(t *testing.T) {
	each(t, func(t *testing.T, address string) {
		u := newUser(t, address)
		u.logsIn()
		stolen := u.login().RefreshToken
		u.changes(expired)
		code, _, said := u.run("token")
		require.Equal(t, cli.ExitOK, code, said)
		require.Equal(t, 1, u.counts("/token"))
		if isZitadel(address) {
			require.IsType(t, endpoint.Issued{}, u.stranger(u.login().RefreshToken))
		} else {
			require.IsType(t, endpoint.Refused{}, u.stranger(stolen))
		}
		u.changes(expired)
		u.ends(cli.ExitLogin, "")
		u.logsIn()
		code, _, said = u.run("token")
		require.Equal(t, cli.ExitOK, code, said)
	})
}

func TestExpiredRefreshTokenOfPanvaEndsTheLoginWithinOnePost(t *testing.T) {
	each(t, func(t *testing.T, address string) {
		if isZitadel(address) {
			return // its refresh tokens live for hours, by its own clock
		}
		u := newUser(t, address)
		u.logsIn()
		response, err := http.Get(address + "/a-day-passes")
		require.NoError(t, err)
		response.Body.Close()
		u.changes(expired)
		u.ends(cli.ExitLogin, "")
	})
}

// The client was removed at panva; at zitadel its secret is another one.
func TestWrongClientOfARealIssuerIsPostedOnce(t *testing.T) {
	each(t, func(t *testing.T, address string) {
		u := newUser(t, address)
		u.logsIn()
		id := "gone"
		if isZitadel(address) {
			id = "web"
			u.profile["client_secret_env"] = "'REAL_SECRET'"
		}
		u.profile["client_id"] = quoted(id)
		held := u.login()
		u.changes(func(c *machine.Credential) { c.Provenance.ClientID = id })
		u.ends(cli.ExitOperator, "invalid_client")

		u.profile["client_id"] = "'native'" // it is there again, and the refresh token is as good as before
		delete(u.profile, "client_secret_env")
		u.changes(func(c *machine.Credential) { c.Provenance = held.Provenance })
		code, _, said := u.run("token")
		require.Equal(t, cli.ExitOK, code, said)
		require.Equal(t, 1, u.counts("/token"))
	})
}

func TestLogoutRevokesALoginOfARealIssuer(t *testing.T) {
	each(t, func(t *testing.T, address string) {
		u := newUser(t, address)
		u.logsIn()
		held := u.login()
		code, _, said := u.run("logout")
		require.Equal(t, cli.ExitOK, code, said)
		require.Equal(t, 1, u.counts("/revoke"))
		require.NoFileExists(t, u.record())
		require.IsType(t, endpoint.Refused{}, u.stranger(held.RefreshToken))
		code, _, _ = u.run("token")
		require.Equal(t, cli.ExitLogin, code)
		require.Zero(t, u.counts("/token"))
	})
}

// An access token that only its issuer can read is due by expires_in.
func TestAccessTokensThatNoClientCanReadAreDueByExpiresIn(t *testing.T) {
	each(t, func(t *testing.T, address string) {
		for name, dots := range map[string]int{"opaque": 0, "JWE": 4} {
			u := newUser(t, address)
			life := time.Minute
			switch {
			case isZitadel(address) && name == "opaque":
				continue // all are JWE
			case isZitadel(address):
				life = 5 * time.Minute
			case name == "JWE":
				u.profile["resource"] = "['https://api.example']"
			}
			before := time.Now()
			u.logsIn()
			for range 2 {
				held := u.login()
				require.Equal(t, dots, strings.Count(held.AccessToken.Reveal(), "."), name)
				require.WithinRange(t, held.ExpiresAt, before.Add(life-2*time.Second), time.Now().Add(life+time.Second), name)
				require.Zero(t, u.counts("/token"))
				before = time.Now()
				u.changes(expired)
				code, out, said := u.run("token")
				require.Equal(t, cli.ExitOK, code, said)
				require.NotEqual(t, held.AccessToken.Reveal(), out)
				require.Equal(t, 1, u.counts("/token"))
			}
		}
	})
}

func TestProgramSaysThatARealIssuerGaveNoRefreshToken(t *testing.T) {
	each(t, func(t *testing.T, address string) {
		u := newUser(t, address)
		u.profile["scopes"] = "['openid', 'email']"
		require.Contains(t, u.logsIn(), "the issuer gave no refresh token: this login ends at ")
		require.True(t, u.login().RefreshToken.IsEmpty())
		u.changes(expired)
		code, _, said := u.run("token")
		require.Equal(t, cli.ExitLogin, code, said)
		require.Zero(t, u.counts("/token"))
	})
}

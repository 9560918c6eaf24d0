package codextest

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/properties/programtest"
	"github.com/bezoar-auth/bezoar/protocol/chatgpt/scripted"
	"github.com/bezoar-auth/bezoar/protocol/oauth/issuer"
	"github.com/bezoar-auth/bezoar/store/file"
)

// Patience is how long anything that must happen is waited for. Only a test that fails waits
// that long.
const Patience = time.Minute

// Key is an API key that the site's api.openai.com accepts.
var Key = secret.New("sk-of-this-test")

// Site is a home with all that the programs on it talk to.
type Site struct {
	*scripted.Service
	Home string // CODEX_HOME, and bezoar's

	t      testing.TB
	Work   string // the folder that turns work in
	caFile string
}

// config asks for approval of what leaves the sandbox, and takes a snapshot of no shell.
const config = `model = "gpt-5.5"
approval_policy = "on-request"
sandbox_mode = "workspace-write"
check_for_update_on_startup = false

[features]
shell_snapshot = false
`

// NewSite is a site whose home has no login. When the test ends, no process may be left that
// has this home.
func NewSite(t testing.TB, options issuer.Options) *Site {
	service, err := scripted.Start(scripted.Options{Issuer: issuer.New(options), Keys: []secret.Token{Key}})
	require.NoError(t, err)
	s := &Site{Service: service, t: t, Home: folder(t), Work: folder(t)}
	s.caFile = filepath.Join(s.Work, "ca.pem")
	require.NoError(t, os.WriteFile(s.caFile, s.Certificate(), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(s.Home, "config.toml"), []byte(config), 0o600))
	t.Cleanup(s.Close)
	t.Cleanup(s.RequireNoProcess)
	return s
}

// folder is short, because the path of a socket must be.
func folder(t testing.TB) string {
	made, err := os.MkdirTemp("", "bz")
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(made) })
	return made
}

// AddConfig adds lines to the configuration of the home, behind those that it has.
func (s *Site) AddConfig(lines string) {
	require.NoError(s.t, os.WriteFile(filepath.Join(s.Home, "config.toml"), []byte(config+"\n"+lines), 0o600))
}

// Login stores a login of Ada's in the home, as another program that made it so long ago. Its
// access token has expired after an hour.
func (s *Site) Login(age time.Duration) machine.Credential {
	at := time.Now().Add(-age)
	grant := s.Issuer.Login(issuer.Ada, at)
	login := machine.Credential{
		Method: machine.MethodTokens, IDToken: grant.IDToken, AccessToken: grant.AccessToken,
		RefreshToken: grant.RefreshToken, AccountID: issuer.Ada.ID, LastRefresh: at,
	}
	require.NoError(s.t, file.Open(s.Home, file.Options{}).Replace(s.t.Context(), login))
	return login
}

// Stored is the login in the home; the zero Credential if there is none.
func (s *Site) Stored() machine.Credential {
	record, err := file.Open(s.Home, file.Options{}).Load(context.Background())
	if !errors.Is(err, persist.ErrNotFound) {
		require.NoError(s.t, err)
	}
	return record.Credential
}

// Bezoar is the program, built once, with some words.
func (s *Site) Bezoar(words ...string) *exec.Cmd {
	program, err := programtest.Path()
	require.NoError(s.t, err)
	return s.Command(program, words...)
}

// Command is a program on this site, in a folder of its own.
func (s *Site) Command(program string, words ...string) *exec.Cmd {
	command := exec.Command(program, words...)
	command.Dir = s.Work
	isOurs := func(variable string) bool {
		return strings.HasPrefix(variable, "BEZOAR_") || strings.HasPrefix(variable, "CODEX_") || strings.HasPrefix(variable, "OPENAI_")
	}
	command.Env = append(slices.DeleteFunc(os.Environ(), isOurs), s.Environment(s.caFile)...)
	command.Env = append(command.Env, "CODEX_HOME="+s.Home, "HOME="+s.Home, "RUST_LOG=error")
	return command
}

// AwaitTurns waits until the model has been asked n times, and returns the requests.
func (s *Site) AwaitTurns(n int) []scripted.Request {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), Patience)
	defer cancel()
	turns, err := s.Await(ctx, n, scripted.Request.IsTurn)
	require.NoError(s.t, err, "the model was asked %d times", len(turns))
	return turns
}

// RequireNoProcess demands that every program on this home ends, soon.
func (s *Site) RequireNoProcess() {
	s.t.Helper()
	var left []string
	require.NoError(s.t, programtest.Eventually(func() error {
		if left = processesOf(s.Home); len(left) > 0 {
			return errors.New(strings.Join(left, "\n"))
		}
		return nil
	}), "these are left")
}

// processesOf are the processes with a home in their environment, with their command lines,
// where /proc says it.
func processesOf(home string) (found []string) {
	folders, _ := filepath.Glob("/proc/[0-9]*")
	for _, each := range folders {
		environment, err := os.ReadFile(filepath.Join(each, "environ"))
		if errors.Is(err, fs.ErrNotExist) || !strings.Contains(string(environment), "CODEX_HOME="+home+"\x00") {
			continue
		}
		line, _ := os.ReadFile(filepath.Join(each, "cmdline"))
		if len(line) == 0 {
			continue // it has ended, and its parent has not looked
		}
		found = append(found, filepath.Base(each)+" "+strings.ReplaceAll(string(line), "\x00", " "))
	}
	return found
}

// Front is bezoar before a codex, as a client starts it.
func (s *Site) Front(codex string, words ...string) *exec.Cmd {
	return s.Bezoar(append([]string{"app-server", "--backend", codex + " app-server"}, words...)...)
}

// StartFront starts bezoar before a codex, and opens the conversation.
func (s *Site) StartFront(codex string, words ...string) *Client {
	c := Start(s.t, s.Front(codex, words...))
	c.Initialize()
	return c
}

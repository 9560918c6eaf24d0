package main

import (
	"bufio"
	"context"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/cli"
	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/protocol/oauth/issuer"
	"github.com/bezoar-auth/bezoar/store/disk"
	"github.com/bezoar-auth/bezoar/store/file"
)

// slowSite is a home whose login is due, and an issuer that answers a refresh when a
// test lets it.
type slowSite struct {
	*issuer.Issuer
	t      *testing.T
	home   string
	url    string
	posted chan struct{} // one for each post
	goOn   func()        // has posts answered from now on
	before machine.Credential
}

func newSlowSite(t *testing.T, age time.Duration) *slowSite {
	s := &slowSite{Issuer: issuer.New(issuer.Options{}), t: t, home: t.TempDir(), posted: make(chan struct{}, 100)}
	answers := make(chan struct{})
	s.goOn = sync.OnceFunc(func() { close(answers) })
	server := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		answered := httptest.NewRecorder()
		s.Issuer.ServeHTTP(answered, r)
		maps.Copy(out.Header(), answered.Header())
		if r.URL.Path == "/oauth/token" {
			s.posted <- struct{}{}
			<-answers
		}
		out.WriteHeader(answered.Code)
		_, _ = io.Copy(out, answered.Body)
	}))
	t.Cleanup(server.Close)
	t.Cleanup(s.goOn) // the server waits for what it has not answered
	s.url = server.URL
	at := time.Now().Add(-age)
	grant := s.Login(issuer.Ada, at)
	s.before = machine.Credential{
		Method: machine.MethodTokens, IDToken: grant.IDToken, AccessToken: grant.AccessToken,
		RefreshToken: grant.RefreshToken, AccountID: issuer.Ada.ID, LastRefresh: at,
	}
	require.NoError(t, file.Open(s.home, file.Options{}).Replace(t.Context(), s.before))
	return s
}

// program is this program, as another process.
func (s *slowSite) program(args ...string) *exec.Cmd {
	path, err := os.Executable()
	require.NoError(s.t, err)
	command := exec.Command(path)
	command.Args = append([]string{"bezoar"}, args...)
	command.Env = append(os.Environ(), "BEZOAR_HOME="+s.home, "NO_PROXY=127.0.0.1", "BEZOAR_LOGIN_ISSUER="+s.url,
		"BEZOAR_REFRESH_TOKEN_URL_OVERRIDE="+s.url+"/oauth/token", "BEZOAR_REFRESH_FLOOR=10m") // a busy machine takes longer than the usual 5 s
	return command
}

// awaitPost waits until the issuer has been asked.
func (s *slowSite) awaitPost() {
	s.t.Helper()
	select {
	case <-s.posted:
	case <-time.After(time.Minute):
		require.Fail(s.t, "the issuer is not asked")
	}
}

// isSaved demands that the successor is stored after one post, soon, and waits until
// the process that made the refresh has done with the home.
func (s *slowSite) isSaved() {
	s.t.Helper()
	require.Eventually(s.t, func() bool {
		record, err := file.Open(s.home, file.Options{}).Load(context.Background())
		return err == nil && s.IsAlive(record.Credential.RefreshToken) &&
			!record.Credential.RefreshToken.Equal(s.before.RefreshToken)
	}, 20*time.Second, 10*time.Millisecond, "what the issuer granted is lost")
	require.Equal(s.t, 1, s.Counts().Posts)
	unlock, err := disk.Here.Lock(s.t.Context(), filepath.Join(s.home, disk.LockFile), time.Millisecond)
	require.NoError(s.t, err)
	unlock()
}

// An editor that dies takes the pipes with it. The answers of the server go nowhere
// then, and the refresh that has posted is saved all the same.
func TestServerWithoutItsClientSavesNewTokens(t *testing.T) {
	t.Parallel()
	for name, log := range map[string]string{"its output": "error", "its log": "debug"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSlowSite(t, 2*time.Hour)
			server := s.program("app-server", "--log-level", log)
			input, err := server.StdinPipe()
			require.NoError(t, err)
			output, err := server.StdoutPipe()
			require.NoError(t, err)
			said, err := server.StderrPipe()
			require.NoError(t, err)
			require.NoError(t, server.Start())
			_, err = io.WriteString(input, `{"id":1,"method":"initialize","params":{"clientInfo":{"name":"t","version":"1"}}}`+"\n"+
				`{"id":2,"method":"getAuthStatus","params":{"includeToken":true}}`+"\n")
			require.NoError(t, err)
			_, err = bufio.NewReader(output).ReadString('\n')
			require.NoError(t, err)
			s.awaitPost()
			output.Close()
			said.Close()
			_, err = io.WriteString(input, `{"id":3,"method":"account/health/read"}`+"\n")
			require.NoError(t, err)
			input.Close()
			time.AfterFunc(200*time.Millisecond, s.goOn) // SIGPIPE takes less
			err = server.Wait()
			require.Equal(t, cli.ExitError, server.ProcessState.ExitCode(), "%v", err)
			s.isSaved()
		})
	}
}

func TestTokenThatCannotBePrintedIsStillSaved(t *testing.T) {
	t.Parallel()
	s := newSlowSite(t, 2*time.Hour)
	command := s.program("token")
	output, err := command.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, command.Start())
	s.awaitPost()
	output.Close()
	s.goOn()
	_ = command.Wait()
	require.Equal(t, cli.ExitError, command.ProcessState.ExitCode())
	s.isSaved()
}

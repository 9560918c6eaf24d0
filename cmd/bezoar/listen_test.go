package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/cli"
	"github.com/bezoar-auth/bezoar/machine/machinetest"
)

// listening is an app-server with --listen.
type listening struct {
	*exec.Cmd
	t   *testing.T
	url string
}

// listen starts an app-server, and waits until it says where it listens. The words behind
// the URL are more flags.
func (s *slowSite) listen(url string, more ...string) *listening {
	s.t.Helper()
	l := &listening{Cmd: s.program(append([]string{"app-server", "--listen", url}, more...)...), t: s.t}
	said, err := l.StderrPipe()
	require.NoError(s.t, err)
	withConsole(l.Cmd)
	require.NoError(s.t, l.Start())
	s.t.Cleanup(func() { l.Process.Kill() })
	lines := bufio.NewScanner(said)
	for lines.Scan() {
		if at, ok := strings.CutPrefix(lines.Text(), "  listening on: "); ok {
			l.url = at
			break
		}
	}
	require.NotEmpty(s.t, l.url, "it does not listen")
	go io.Copy(io.Discard, said)
	return l
}

// dial connects and shakes hands.
func (l *listening) dial() *websocket.Conn {
	l.t.Helper()
	c, err := l.connect(nil)
	require.NoError(l.t, err)
	ask(l.t, c, `{"id":1,"method":"initialize","params":{"clientInfo":{"name":"t","version":"1"}}}`)
	require.Contains(l.t, hear(l.t, c), `"id":1`)
	return c
}

func (l *listening) connect(header http.Header) (*websocket.Conn, error) {
	url, options := l.url, &websocket.DialOptions{HTTPHeader: header}
	if path, ok := strings.CutPrefix(url, "unix://"); ok {
		url = "ws://localhost"
		options.HTTPClient = &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", path)
		}}}
	}
	c, _, err := websocket.Dial(l.t.Context(), url, options)
	if err == nil {
		l.t.Cleanup(func() { c.CloseNow() })
	}
	return c, err
}

func ask(t *testing.T, c *websocket.Conn, text string) {
	t.Helper()
	require.NoError(t, c.Write(t.Context(), websocket.MessageText, []byte(text)))
}

func hear(t *testing.T, c *websocket.Conn) string {
	t.Helper()
	_, text, err := c.Read(t.Context())
	require.NoError(t, err)
	return string(text)
}

const demandLine = `{"id":2,"method":"getAuthStatus","params":{"includeToken":true,"refreshToken":true}}`

// sockets is a folder with a short name.
func sockets(t *testing.T) string {
	folder, err := os.MkdirTemp("", "bz")
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(folder) })
	return folder
}

// Many clients ask for a refresh: one is made, and each is answered with its token. One
// that goes meanwhile ends none of that.
func TestClientsAtASocketShareOneRefresh(t *testing.T) {
	t.Parallel()
	t.Run("of a path", func(t *testing.T) {
		machinetest.SkipUnderWine(t, machinetest.LacksUnixSockets)
		t.Parallel()
		s := newSlowSite(t, 2*time.Hour)
		if runtime.GOOS == "windows" { // where the home of a test is too long for the path of a socket
			clientsShareOneRefresh(t, s, s.listen("unix://"+filepath.ToSlash(filepath.Join(sockets(t), "s"))))
			return
		}
		server := s.listen("unix://")
		require.Equal(t, "unix://"+filepath.Join(s.home, "app-server-control", "app-server-control.sock"), server.url)
		clientsShareOneRefresh(t, s, server)
	})
	t.Run("of a port", func(t *testing.T) {
		t.Parallel()
		s := newSlowSite(t, 2*time.Hour)
		clientsShareOneRefresh(t, s, s.listen("ws://127.0.0.1:0"))
	})
}

func clientsShareOneRefresh(t *testing.T, s *slowSite, server *listening) {
	var clients []*websocket.Conn
	for range 200 {
		clients = append(clients, server.dial())
	}
	for _, each := range clients {
		ask(t, each, demandLine)
	}
	s.awaitPost()
	clients[0].CloseNow()
	require.NoError(t, clients[1].Close(websocket.StatusNormalClosure, ""))
	s.goOn()
	tokens := map[string]bool{}
	for _, each := range clients[2:] {
		var answer struct{ Result struct{ AuthToken string } }
		require.NoError(t, json.Unmarshal([]byte(hear(t, each)), &answer))
		tokens[answer.Result.AuthToken] = true
	}
	require.Len(t, tokens, 1)
	s.isSaved()
	require.NoError(t, end(server.Process))
	require.NoError(t, server.Wait(), "it exits with 0")
}

// What is pending at SIGTERM is answered on each connection, a refresh that has posted is
// saved, and the socket is gone before that.
func TestServerAtASocketEndsInOrder(t *testing.T) {
	machinetest.SkipUnderWine(t, machinetest.LacksUnixSockets)
	t.Parallel()
	s := newSlowSite(t, 2*time.Hour)
	server := s.listen("unix://" + filepath.ToSlash(filepath.Join(sockets(t), "s")))
	waits, idle, stuck := server.dial(), server.dial(), server.dial()
	ask(t, waits, demandLine)
	for range 100 {
		ask(t, stuck, `{"id":"`+strings.Repeat("x", 10_000)+`","method":"getAuthStatus"}`) // and reads nothing
	}
	s.awaitPost()
	require.NoError(t, end(server.Process))
	require.Eventually(t, func() bool {
		_, err := os.Lstat(strings.TrimPrefix(server.url, "unix://"))
		return os.IsNotExist(err)
	}, 10*time.Second, time.Millisecond)
	time.AfterFunc(200*time.Millisecond, s.goOn)
	require.Contains(t, hear(t, waits), `"id":2`)
	for _, each := range []*websocket.Conn{waits, idle} {
		_, _, err := each.Read(t.Context())
		require.Equal(t, websocket.StatusGoingAway, websocket.CloseStatus(err), "%v", err)
	}
	require.NoError(t, server.Wait(), "it exits with 0")
	s.isSaved()
}

func TestServerWithoutSocketsNamesAnotherWay(t *testing.T) {
	if !machinetest.Lacks(machinetest.LacksUnixSockets) {
		t.Skip("this system has unix sockets")
	}
	t.Parallel()
	s := newSlowSite(t, 0)
	server := s.program("app-server", "--listen", "unix://"+filepath.ToSlash(filepath.Join(sockets(t), "s")))
	said, _ := server.CombinedOutput()
	require.Equal(t, cli.ExitError, server.ProcessState.ExitCode())
	require.Regexp(t, `^bezoar: --listen: .*no unix sockets.*; use --listen ws://127\.0\.0\.1:0\r?\n$`, string(said))
}

func TestSocketIsTakenOverFromTheDeadAlone(t *testing.T) {
	machinetest.SkipUnderWine(t, machinetest.LacksUnixSockets)
	t.Parallel()
	s := newSlowSite(t, 0)
	url := "unix://" + filepath.ToSlash(filepath.Join(sockets(t), "s"))
	first := s.listen(url)
	second := s.program("app-server", "--listen", url)
	said, _ := second.CombinedOutput()
	require.Equal(t, cli.ExitError, second.ProcessState.ExitCode())
	require.Contains(t, string(said), " listens at "+filepath.FromSlash(strings.TrimPrefix(url, "unix://"))+": end that program, or choose another socket with --listen unix://PATH")
	ask(t, first.dial(), demandLine)

	require.NoError(t, first.Process.Kill())
	_ = first.Wait()
	third := s.listen(url)
	third.dial()
	require.NoError(t, end(third.Process))
	require.NoError(t, third.Wait())
}

func TestPortAsksForTheToken(t *testing.T) {
	t.Parallel()
	s := newSlowSite(t, 0)
	file := filepath.Join(s.home, "ws-token")
	require.NoError(t, os.WriteFile(file, []byte("s3cret\n"), 0o600))
	server := s.listen("ws://127.0.0.1:0", "--ws-auth", "capability-token", "--ws-token-file", file)
	_, err := server.connect(nil)
	require.ErrorContains(t, err, "401")
	_, err = server.connect(http.Header{"Authorization": {"Bearer s3cret"}, "Origin": {"http://127.0.0.1"}})
	require.ErrorContains(t, err, "403")
	c, err := server.connect(http.Header{"Authorization": {"Bearer s3cret"}})
	require.NoError(t, err)
	ask(t, c, demandLine)
	require.Contains(t, hear(t, c), "Not initialized")

	digest := "1ec1c26b50d5d3c58d9583181af8076655fe00756bf7285940ba3670f99fcba0" // of s3cret
	hashed := s.listen("ws://127.0.0.1:0", "--ws-auth", "capability-token", "--ws-token-sha256", digest)
	_, err = hashed.connect(http.Header{"Authorization": {"Bearer other"}})
	require.ErrorContains(t, err, "401")
	_, err = hashed.connect(http.Header{"Authorization": {"Bearer s3cret"}})
	require.NoError(t, err)
}

package main

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// shownServer is an app-server that shows its state, in this process.
type shownServer struct {
	requests io.WriteCloser
	answers  *bufio.Scanner
	url      string // of the page, as standard error has it
	ended    chan int
}

func startShown(t *testing.T, home string) *shownServer {
	stdin, requests := io.Pipe()
	answers, stdout := io.Pipe()
	said, stderr := io.Pipe()
	s := &shownServer{requests: requests, answers: bufio.NewScanner(answers), ended: make(chan int, 1)}
	env := environment{stdin, stdout, stderr, func(string) string { return "" }, time.Now, newLogQueue(stderr)}
	go func() { s.ended <- run(env, []string{"app-server", "--home", home, "--inspect", "127.0.0.1:0"}) }()
	line, err := bufio.NewReader(said).ReadString('\n')
	require.NoError(t, err)
	go io.Copy(io.Discard, said)
	_, url, isURL := strings.Cut(strings.TrimSpace(line), "for you alone: ")
	require.True(t, isURL, line)
	s.url = url
	return s
}

func (s *shownServer) request(t *testing.T, line string) {
	_, err := io.WriteString(s.requests, line+"\n")
	require.NoError(t, err)
	for s.answers.Scan() {
		if strings.Contains(s.answers.Text(), `"id"`) {
			return
		}
	}
	require.Fail(t, "no answer")
}

func (s *shownServer) end(t *testing.T) {
	require.NoError(t, s.requests.Close())
	go func() {
		for s.answers.Scan() { // what is said unasked
		}
	}()
	require.Equal(t, exitOK, <-s.ended)
}

// inspected runs "bezoar inspect".
func inspected(home string) (stdout, stderr string, code int) {
	var out, said bytes.Buffer
	env := environment{nil, &out, &said, func(string) string { return "" }, time.Now, newLogQueue(&said)}
	code = run(env, []string{"inspect", "--home", home})
	return out.String(), said.String(), code
}

func fetch(t *testing.T, url string) string {
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Get(url)
	require.NoError(t, err)
	defer response.Body.Close()
	require.Equal(t, http.StatusOK, response.StatusCode)
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return string(body)
}

func TestAnAppServerShowsItselfUntilItEnds(t *testing.T) {
	home := t.TempDir()
	_, stderr, code := inspected(home)
	require.Equal(t, exitError, code)
	require.Contains(t, stderr, "bezoar app-server --inspect 127.0.0.1:0")

	s := startShown(t, home)
	require.Contains(t, fetch(t, s.url), "NoAuth")
	s.request(t, `{"id":1,"method":"initialize","params":{"clientInfo":{"name":"test","version":"1"}}}`)
	s.request(t, `{"id":2,"method":"account/login/start","params":{"type":"apiKey","apiKey":"sk-sentinel"}}`)
	s.request(t, `{"id":3,"method":"getAuthStatus","params":{"includeToken":true}}`)
	s.request(t, `{"id":4,"method":"account/read","params":{}}`)
	metrics := fetch(t, s.url+"metrics")
	require.Contains(t, metrics, "bezoar_asks_total 2\n")
	require.Contains(t, metrics, `bezoar_state{state="ApiKey"} 1`)
	page := fetch(t, s.url)
	require.Contains(t, page, "ogged in with an API key", "the ledger is there, in the words of why")
	require.Contains(t, page, "An API key is stored", "and the state in those of status")
	require.NotContains(t, page, "sk-sentinel")

	signs := signFiles(t, home)
	require.Len(t, signs, 1)
	info, err := os.Stat(signs[0])
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	stdout, _, code := inspected(home)
	require.Equal(t, exitOK, code)
	require.Equal(t, s.url+"\n", stdout)
	s.end(t)
	require.Empty(t, signFiles(t, home))
}

// signFiles are the files of a home that tell where a page is, half-written ones
// among them.
func signFiles(t *testing.T, home string) []string {
	all, err := filepath.Glob(filepath.Join(home, "*auth.inspect*"))
	require.NoError(t, err)
	hidden, err := filepath.Glob(filepath.Join(home, ".auth.inspect*"))
	require.NoError(t, err)
	return append(all, hidden...)
}

func TestEachAppServerOfAHomeIsFoundWhileItRuns(t *testing.T) {
	home := t.TempDir()
	first := startShown(t, home)
	before := time.Now().Add(-time.Minute)
	require.NoError(t, os.Chtimes(signFiles(t, home)[0], before, before))
	second := startShown(t, home)
	stdout, stderr, code := inspected(home)
	require.Equal(t, exitOK, code)
	require.Equal(t, second.url+"\n", stdout, "the one that was started last")
	require.Contains(t, stderr, first.url, "and the other one is listed")
	second.end(t)
	stdout, stderr, code = inspected(home)
	require.Equal(t, exitOK, code)
	require.Equal(t, first.url+"\n", stdout)
	require.Empty(t, stderr)
	first.end(t)
	_, _, code = inspected(home)
	require.Equal(t, exitError, code)
}

func TestTheSignOfAProgramThatWasKilledIsRemoved(t *testing.T) {
	home := t.TempDir()
	s := startShown(t, home)
	path := signFiles(t, home)[0]
	killed, err := os.ReadFile(path)
	require.NoError(t, err)
	s.end(t)
	require.NoError(t, os.WriteFile(path, killed, 0o600))
	_, stderr, code := inspected(home)
	require.Equal(t, exitError, code)
	require.Contains(t, stderr, "no app-server of this home")
	require.NoFileExists(t, path)
}

func TestTheSignOfAnotherMachineOrContainerIsLeftAlone(t *testing.T) {
	home := t.TempDir()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	url := "http://" + listener.Addr().String() + "/x/"
	require.NoError(t, listener.Close())
	path := filepath.Join(home, "auth.inspect.7-abcdef")
	require.NoError(t, os.WriteFile(path, []byte(`{"url":"`+url+`","pid":7,"host":"a.container"}`), 0o600))
	_, _, code := inspected(home)
	require.Equal(t, exitError, code)
	require.FileExists(t, path, "its loopback is another one")
}

func TestTheSignOfABuildBeforeThisOneIsRead(t *testing.T) {
	home := t.TempDir()
	s := startShown(t, home)
	defer s.end(t)
	require.NoError(t, os.Remove(signFiles(t, home)[0]))
	require.NoError(t, os.WriteFile(filepath.Join(home, "auth.inspect"), []byte(`{"url":"`+s.url+`","pid":4711}`+"\n"), 0o600))
	stdout, _, code := inspected(home)
	require.Equal(t, exitOK, code)
	require.Equal(t, s.url+"\n", stdout)
}

// TestWhatIsNoSignIsPassedOver would hang on the pipe, and take the memory of the
// giant.
func TestWhatIsNoSignIsPassedOver(t *testing.T) {
	home := t.TempDir()
	s := startShown(t, home)
	defer s.end(t)
	makePipe(t, filepath.Join(home, "auth.inspect"))
	makePipe(t, filepath.Join(home, "auth.inspect.1-pipe"))
	require.NoError(t, os.Mkdir(filepath.Join(home, "auth.inspect.2-folder"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(home, "auth.inspect.3-giant"), nil, 0o600))
	require.NoError(t, os.Truncate(filepath.Join(home, "auth.inspect.3-giant"), 1<<40))
	require.NoError(t, os.WriteFile(filepath.Join(home, "auth.inspect.4-none"), []byte("null"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(home, "auth.inspect.5-file"), []byte(`{"url":"file:///etc/passwd"}`), 0o600))
	stdout, _, code := inspected(home)
	require.Equal(t, exitOK, code)
	require.Equal(t, s.url+"\n", stdout)
}

func TestAnotherPageAtTheSamePortIsNotTheOneThatWasSigned(t *testing.T) {
	s := startShown(t, t.TempDir())
	defer s.end(t)
	other := sign{URL: strings.TrimSuffix(s.url, "/") + "x/", PID: 1}
	isThere, _ := other.visit()
	require.False(t, isThere)
}

func TestAPageForOtherMachinesIsRefused(t *testing.T) {
	var said bytes.Buffer
	env := environment{strings.NewReader(""), io.Discard, &said, func(string) string { return "" }, time.Now, newLogQueue(&said)}
	require.Equal(t, exitError, run(env, []string{"app-server", "--home", t.TempDir(), "--inspect", "0.0.0.0:0"}))
	require.Contains(t, said.String(), "--inspect: the live page is for this machine alone")
}

func TestWithoutAPageNothingIsInBetween(t *testing.T) {
	var none *livePage
	require.Nil(t, none.count(nil))
	require.Nil(t, none.watch(nil))
	require.NotPanics(t, none.close)
}

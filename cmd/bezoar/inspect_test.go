package main

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/cli"
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
	env := cli.Environment{Stdin: stdin, Stdout: stdout, Stderr: stderr, Getenv: func(string) string { return "" }, Now: time.Now, Log: cli.NewLogQueue(stderr)}
	go func() { s.ended <- run(env, []string{"app-server", "--home", home, "--inspect", "127.0.0.1:0"}) }()
	line, err := bufio.NewReader(said).ReadString('\n')
	require.NoError(t, err)
	go io.Copy(io.Discard, said)
	_, url, ok := strings.Cut(strings.TrimSpace(line), "for you alone: ")
	require.True(t, ok, line)
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
		for s.answers.Scan() { // notifications
		}
	}()
	require.Equal(t, cli.ExitOK, <-s.ended)
}

// inspected is what "bezoar inspect" prints.
func inspected(home string) (stdout, stderr string, code int) {
	var out, said bytes.Buffer
	env := cli.Environment{Stdout: &out, Stderr: &said, Getenv: func(string) string { return "" }, Now: time.Now, Log: cli.NewLogQueue(&said)}
	code = run(env, []string{"inspect", "--no-browser", "--home", home})
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

func TestAppServerShowsItsPageUntilItEnds(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	_, stderr, code := inspected(home)
	require.Equal(t, cli.ExitError, code)
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

	require.Len(t, pageFiles(t, home), 1)
	stdout, _, code := inspected(home)
	require.Equal(t, cli.ExitOK, code)
	require.Equal(t, s.url+"\n", stdout)
	s.end(t)
	require.Empty(t, pageFiles(t, home))
}

// pageFiles are the files of a home that hold the address of a page.
func pageFiles(t *testing.T, home string) []string {
	all, err := filepath.Glob(filepath.Join(home, "*auth.inspect*"))
	require.NoError(t, err)
	return all
}

// The system may kill a server that waits for the issuer at its end: on Windows, five seconds
// after the close of its console.
func TestPageIsGoneBeforeTheLastRefreshHasEnded(t *testing.T) {
	t.Parallel()
	s := newSlowSite(t, 58*time.Minute) // a token that serves, and is due for a refresh
	server := s.program("app-server", "--inspect", "127.0.0.1:0")
	input, err := server.StdinPipe()
	require.NoError(t, err)
	output, err := server.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, server.Start())
	_, err = io.WriteString(input, `{"id":1,"method":"initialize","params":{"clientInfo":{"name":"t","version":"1"}}}`+"\n"+
		`{"id":2,"method":"getAuthStatus","params":{"includeToken":true}}`+"\n")
	require.NoError(t, err)
	s.awaitPost()
	require.Len(t, pageFiles(t, s.home), 1)
	require.NoError(t, input.Close())
	_, err = io.Copy(io.Discard, output)
	require.NoError(t, err)
	require.Eventually(t, func() bool { return len(pageFiles(t, s.home)) == 0 }, patience/3, 10*time.Millisecond, "it waits for the issuer")
	s.goOn()
	require.NoError(t, server.Wait())
	s.isSaved()
}

func TestInspectFindsEachAppServerOfAHome(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	first := startShown(t, home)
	before := time.Now().Add(-time.Minute)
	require.NoError(t, os.Chtimes(pageFiles(t, home)[0], before, before))
	second := startShown(t, home)
	stdout, stderr, code := inspected(home)
	require.Equal(t, cli.ExitOK, code)
	require.Equal(t, second.url+"\n", stdout, "the one that was started last")
	require.Contains(t, stderr, first.url, "and the other one is listed")
	second.end(t)
	stdout, stderr, code = inspected(home)
	require.Equal(t, cli.ExitOK, code)
	require.Equal(t, first.url+"\n", stdout)
	require.Empty(t, stderr)
	first.end(t)
	_, _, code = inspected(home)
	require.Equal(t, cli.ExitError, code)
}

func TestAppServerRefusesAPageForOtherMachines(t *testing.T) {
	t.Parallel()
	var said bytes.Buffer
	env := cli.Environment{Stdin: strings.NewReader(""), Stdout: io.Discard, Stderr: &said, Getenv: func(string) string { return "" }, Now: time.Now, Log: cli.NewLogQueue(&said)}
	for _, address := range []string{"0.0.0.0:0", "nope"} {
		said.Reset()
		require.Equal(t, cli.ExitError, run(env, []string{"app-server", "--home", t.TempDir(), "--inspect", address}))
		require.Equal(t, "bezoar: --inspect takes 127.0.0.1:PORT (port 0: any), an address that no other machine can reach\n", said.String())
	}
}

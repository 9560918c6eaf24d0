package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
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
	env := environment{stdin, stdout, stderr, func(string) string { return "" }, time.Now}
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
	env := environment{nil, &out, &said, func(string) string { return "" }, time.Now}
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
	require.Contains(t, page, "<b>login</b>", "the ledger is there")
	require.NotContains(t, page, "sk-sentinel")

	info, err := os.Stat(signIn(home))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	stdout, _, code := inspected(home)
	require.Equal(t, exitOK, code)
	require.Equal(t, s.url+"\n", stdout)
	s.end(t)
	require.NoFileExists(t, signIn(home))
	left, err := filepath.Glob(filepath.Join(home, ".auth.inspect*"))
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestTheSignOfAProgramThatWasKilledIsToldApart(t *testing.T) {
	home := t.TempDir()
	s := startShown(t, home)
	killed, err := os.ReadFile(signIn(home))
	require.NoError(t, err)
	s.end(t)
	require.NoError(t, os.WriteFile(signIn(home), killed, 0o600))
	_, stderr, code := inspected(home)
	require.Equal(t, exitError, code)
	require.Contains(t, stderr, "has ended")

	next := startShown(t, home) // and is taken down by nobody but the next one
	stdout, _, _ := inspected(home)
	require.Equal(t, next.url+"\n", stdout)
	var old sign
	require.NoError(t, json.Unmarshal(killed, &old))
	old.take(signIn(home))
	require.FileExists(t, signIn(home))
	elsewhere := sign{URL: strings.TrimSuffix(next.url, "/") + "x/", PID: 1}
	require.ErrorIs(t, elsewhere.visit(), errNoPage, "the port is taken, the page is another one")
	next.end(t)
}

func TestAPageForOtherMachinesIsRefused(t *testing.T) {
	var said bytes.Buffer
	env := environment{strings.NewReader(""), io.Discard, &said, func(string) string { return "" }, time.Now}
	require.Equal(t, exitError, run(env, []string{"app-server", "--home", t.TempDir(), "--inspect", "0.0.0.0:0"}))
	require.Contains(t, said.String(), "--inspect: the live page is for this machine alone")
}

func TestWithoutAPageNothingIsInBetween(t *testing.T) {
	var none *livePage
	require.Nil(t, none.count(nil))
	require.Nil(t, none.watch(nil))
	require.NotPanics(t, none.close)
}

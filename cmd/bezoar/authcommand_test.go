package main

import (
	"bufio"
	"bytes"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/protocol/oauth/issuer"
)

// newOpenSite is a site whose issuer answers at once, with a login that is not due.
func newOpenSite(t *testing.T) *slowSite {
	s := newSlowSite(t, time.Minute)
	s.goOn()
	return s
}

// call runs the words of codex's configuration as a child of this process, which
// stands in for codex.
func (s *slowSite) call(words ...string) (token string) {
	s.t.Helper()
	return s.said(s.program(append([]string{"token", "--auth-command"}, words...)...))
}

func (s *slowSite) said(command *exec.Cmd) string {
	s.t.Helper()
	var errs bytes.Buffer
	command.Stderr = &errs
	out, err := command.Output()
	require.NoError(s.t, err, errs.String())
	return strings.TrimSpace(string(out))
}

// isFirst reports whether a token is the one that was stored at first.
func (s *slowSite) isFirst(token string) bool { return token == s.before.AccessToken.Reveal() }

func TestAuthCommandTakesAnEarlyCallForARejection(t *testing.T) {
	t.Parallel()
	s := newOpenSite(t)
	require.True(t, s.isFirst(s.call()))
	require.Zero(t, s.Counts().Posts)

	second := s.call()
	require.False(t, s.isFirst(second), "a refused token must not be handed out again")
	require.Equal(t, 1, s.Counts().Posts)

	third := s.call()
	require.NotEqual(t, second, third, "it is past the floor: the caller says so of this very token")
	require.Equal(t, 2, s.Counts().Posts)

	for range 3 {
		require.Equal(t, third, s.call(), "a server that refuses everything does not cost a refresh for each call")
	}
	require.Equal(t, 2, s.Counts().Posts)
	require.Zero(t, s.Counts().Replays)
}

func TestAuthCommandTakesALateCallForAPoll(t *testing.T) {
	t.Parallel()
	s := newOpenSite(t)
	require.True(t, s.isFirst(s.call()))
	require.True(t, s.isFirst(s.call("--refresh-interval", "0.000000001s")), "codex asks again of itself when its interval is over")
	require.Zero(t, s.Counts().Posts)
	require.False(t, s.isFirst(s.call("--refresh-interval", "0")), "and with 0 after a refusal only")
	require.Equal(t, 1, s.Counts().Posts)
}

func init() { programs["calls-twice"] = callTwice }

// callTwice calls the words of codex's configuration, and again after the next line of input.
func callTwice() {
	input := bufio.NewReader(os.Stdin)
	for n := range 2 {
		if n > 0 {
			_, _ = input.ReadString('\n')
		}
		command := exec.Command("bezoar", "token", "--auth-command")
		command.Stdout, command.Stderr = os.Stdout, os.Stderr
		exitOn(command.Run())
	}
}

func TestAuthCommandSharesOneRefreshAmongPrograms(t *testing.T) {
	t.Parallel()
	s := newOpenSite(t)
	other := exec.Command("calls-twice") // and is another program than this one
	other.Env = s.program().Env
	input, err := other.StdinPipe()
	require.NoError(t, err)
	output, err := other.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, other.Start())
	defer other.Wait()
	lines := bufio.NewScanner(output)
	require.True(t, lines.Scan())
	require.True(t, s.isFirst(lines.Text()))
	require.True(t, s.isFirst(s.call()), "each program has tokens of its own")

	_, err = input.Write([]byte("\n"))
	require.NoError(t, err)
	mine := s.call()
	require.True(t, lines.Scan())
	require.False(t, s.isFirst(mine))
	require.Equal(t, mine, lines.Text())
	require.Equal(t, 1, s.Counts().Posts)
}

// Codex kills its command after timeout_ms and asks again later.
func TestAuthCommandKilledInARefreshIsMadeUpFor(t *testing.T) {
	t.Parallel()
	s := newSlowSite(t, time.Minute)
	require.True(t, s.isFirst(s.call()))
	killed := s.program("token", "--auth-command")
	require.NoError(t, killed.Start())
	s.awaitPost()
	require.NoError(t, killed.Process.Kill())
	_ = killed.Wait()
	time.AfterFunc(100*time.Millisecond, s.goOn) // the next call may well come first
	require.False(t, s.isFirst(s.call()))
	s.isSaved()
}

func TestAuthCommandKeepsItsTokenWhileIssuerIsDown(t *testing.T) {
	t.Parallel()
	s := newOpenSite(t)
	s.Always(issuer.Refresh, issuer.Step{
		Status: http.StatusServiceUnavailable,
		Header: http.Header{"Retry-After": {"60"}}, // the first wait is drawn, and may be none
	})
	require.True(t, s.isFirst(s.call()))
	require.True(t, s.isFirst(s.call()), "it may be good all the same")
	require.Equal(t, 1, s.Counts().Posts)
	require.True(t, s.isFirst(s.call()))
	require.Equal(t, 1, s.Counts().Posts, "the issuer is left alone for a while")
}

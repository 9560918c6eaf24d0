package mcp

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestClientAndServerOfTheSDKWorkThroughTheProxy(t *testing.T) {
	for _, version := range []string{"2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"} {
		t.Run(version, func(t *testing.T) {
			mode := "stateful"
			if version >= "2026" { // it has no sessions
				mode = "stateless"
			}
			w := newWorld(t, mode)
			c, first := w.start(version)
			require.Empty(t, first.Errors, "%s", &c.log)
			require.Equal(t, version, first.Version)
			require.ElementsMatch(t, []string{"add", "roots", "leave"}, first.Tools)
			done := c.call("add", 3)
			require.Empty(t, done.Errors)
			require.ElementsMatch(t, []int{1, 2, 3}, done.Sums)
			require.Equal(t, 9, done.Progress)
			if version < "2026" {
				require.Equal(t, []int{2}, c.call("roots", 1).Sums, "the server asks, and the client answers")
				require.NotEmpty(t, w.sessions)
			} else {
				require.Empty(t, w.sessions)
			}
			if version == "2025-11-25" {
				require.ElementsMatch(t, []int{1, 2, 3, 4}, c.call("leave", 4).Sums, "the stream is taken up again")
			}
			begun := time.Now()
			c.end()
			require.Less(t, time.Since(begun), 5*time.Second)
			require.Zero(t, w.issuer.Counts().Posts)
			require.Equal(t, 1, w.statuses(http.StatusUnauthorized), "that of the login, which has no token")
		})
	}
}

func TestModernClientWorksWithAnOlderServer(t *testing.T) {
	w := newWorld(t, "stateful", "2025-06-18", "2025-11-25")
	c, first := w.start("2026-07-28")
	require.Empty(t, first.Errors, "%s", &c.log)
	require.Equal(t, "2025-11-25", first.Version)
	require.Len(t, c.call("add", 2).Sums, 2)
	c.end()
}

func TestProxiesOfOneAccountRefreshOnce(t *testing.T) {
	w := newWorld(t, "stateful")
	var clients []*client
	for range 8 {
		c, first := w.start("2025-11-25")
		require.Empty(t, first.Errors, "%s", &c.log)
		clients = append(clients, c)
	}
	w.kill()
	answers := make(chan said, len(clients))
	for _, c := range clients {
		go func() { answers <- c.call("add", 16) }()
	}
	for range clients {
		done := <-answers
		require.Empty(t, done.Errors)
		require.Len(t, done.Sums, 16)
	}
	require.Equal(t, 1, w.issuer.Counts().Posts)
	require.LessOrEqual(t, w.statuses(http.StatusUnauthorized), 8*17+1, "each message is refused once, and each stream")
	for _, c := range clients {
		c.end()
	}
}

func TestExpiredTokenIsRefreshedOnceByProxiesThatStart(t *testing.T) {
	w := newWorld(t, "stateful")
	w.expire()
	refused := w.statuses(http.StatusUnauthorized)
	started := make(chan said, 8)
	for range cap(started) {
		go func() {
			_, first := w.start("2025-11-25")
			started <- first
		}()
	}
	for range cap(started) {
		require.Empty(t, (<-started).Errors)
	}
	require.Equal(t, 1, w.issuer.Counts().Posts)
	require.Equal(t, refused, w.statuses(http.StatusUnauthorized), "no server is sent a token that has expired")
}

func TestDeadLoginIsOneErrorEachAndNoStorm(t *testing.T) {
	w := newWorld(t, "stateful")
	c, first := w.start("2025-11-25")
	require.Empty(t, first.Errors)
	w.issuer.Revoke(w.login.RefreshToken)
	done := c.call("add", 10)
	require.Len(t, done.Errors, 10)
	for _, each := range done.Errors {
		require.Contains(t, each, "bezoar login", "it says what to do")
	}
	posts, refused := w.issuer.Counts().Posts, w.statuses(http.StatusUnauthorized)
	require.Equal(t, 1, posts)
	require.Len(t, c.call("add", 50).Errors, 50)
	require.Equal(t, posts, w.issuer.Counts().Posts)
	require.Equal(t, refused, w.statuses(http.StatusUnauthorized), "the server is not asked either")
	c.end()
}

func TestServerThatRefusesEveryTokenCostsOneRefresh(t *testing.T) {
	w := newWorld(t, "stateful")
	c, first := w.start("2025-11-25")
	require.Empty(t, first.Errors)
	w.mu.Lock()
	w.refuses = true
	w.mu.Unlock()
	for range 5 {
		done := c.call("add", 5)
		require.Len(t, done.Errors, 5)
		require.Contains(t, done.Errors[0], "the server refuses the tokens of this login")
	}
	require.Equal(t, 1, w.issuer.Counts().Posts)
	c.end()
}

func TestScopeThatIsMissingIsNamed(t *testing.T) {
	w := newWorld(t, "stateful")
	c, first := w.start("2025-11-25")
	require.Empty(t, first.Errors)
	w.mu.Lock()
	w.scope = "files:write"
	w.mu.Unlock()
	done := c.call("add", 1)
	require.Contains(t, done.Errors[0], "bezoar login --resource "+w.address+" --scope 'files:write'")
	require.Zero(t, w.issuer.Counts().Posts)
	c.end()
}

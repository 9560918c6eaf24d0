package live

import (
	"context"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/persist"
)

func TestPageWantsItsToken(t *testing.T) {
	w := newWorld(t, states(t)[machine.Fresh])
	port := portOf(w.url)
	token := strings.Trim(strings.TrimPrefix(w.url, port), "/")
	require.GreaterOrEqual(t, len(token), 26, "128 bits in base 32")
	wrong := strings.Repeat("A", len(token))
	for _, path := range []string{
		"", "metrics", "events", wrong + "/", wrong + "/metrics", token, token[:25] + "/", token + "A/", token + "/other",
		token + "/metrics/", "x/" + token + "/", "?" + token + "/", strings.ToLower(token) + "/",
	} {
		response, body := get(t, port+path)
		require.Equal(t, http.StatusNotFound, response.StatusCode, path)
		require.Equal(t, "Not Found\n", body)
	}
	for _, name := range []string{"", "metrics"} {
		response, _ := get(t, w.url+name)
		require.Equal(t, http.StatusOK, response.StatusCode, name)
	}
	other := newPage(w.recorder, Options{Source: w.source, Words: plain{}})
	require.NotEqual(t, token, other.token)
}

func TestPageRefusesOtherHosts(t *testing.T) {
	w := newWorld(t, states(t)[machine.Fresh])
	for host, want := range map[string]int{
		"rebound.example": 421, "rebound.example:80": 421, "127.0.0.1.example": 421, "192.168.0.1": 421, "0.0.0.0": 421,
		"localhost.example": 421, "[2001:db8::1]:80": 421,
		"127.0.0.1": 200, "127.0.0.1:1": 200, "localhost:1": 200, "LOCALHOST": 200, "[::1]:1": 200, "[::1]": 200,
	} {
		request, err := http.NewRequest(http.MethodGet, w.url, nil)
		require.NoError(t, err)
		request.Host = host
		response, body := do(t, request)
		require.Equal(t, want, response.StatusCode, host)
		require.Equal(t, want == 200, strings.Contains(body, "Fresh"), host)
	}
}

func TestPageTakesNoChange(t *testing.T) {
	w := newWorld(t, states(t)[machine.Fresh])
	for _, name := range []string{"", "events", "metrics"} {
		for _, method := range []string{"POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"} {
			request, err := http.NewRequest(method, w.url+name, nil)
			require.NoError(t, err)
			request.Header.Set("Origin", "https://elsewhere.example")
			response, _ := do(t, request)
			require.Equal(t, http.StatusMethodNotAllowed, response.StatusCode, method)
			require.Equal(t, "GET, HEAD", response.Header.Get("Allow"))
		}
		request, err := http.NewRequest(http.MethodHead, w.url+name, nil)
		require.NoError(t, err)
		response, body := do(t, request)
		require.Equal(t, http.StatusOK, response.StatusCode)
		require.Empty(t, body)
	}
}

func TestPageOfADeadLoginHasNoRefreshThatIsDue(t *testing.T) {
	_, body := get(t, newWorld(t, states(t)[machine.Fresh]).url)
	require.Contains(t, body, "refresh is due")
	_, body = get(t, newWorld(t, states(t)[machine.Poisoned]).url)
	require.NotContains(t, body, "refresh is due")
}

func TestAnswersStayOutOfCachesAndFrames(t *testing.T) {
	w := newWorld(t, states(t)[machine.Fresh])
	for _, url := range []string{w.url, w.url + "metrics", w.url + "nothing", portOf(w.url)} {
		request, err := http.NewRequest(http.MethodGet, url, nil)
		require.NoError(t, err)
		request.Header.Set("Origin", "https://elsewhere.example")
		response, _ := do(t, request)
		header := response.Header
		require.Equal(t, "no-store", header.Get("Cache-Control"))
		require.Equal(t, "no-referrer", header.Get("Referrer-Policy"))
		require.Equal(t, "nosniff", header.Get("X-Content-Type-Options"))
		require.Equal(t, "same-origin", header.Get("Cross-Origin-Resource-Policy"))
		require.Contains(t, header.Get("Content-Security-Policy"), "default-src 'none'")
		require.Contains(t, header.Get("Content-Security-Policy"), "frame-ancestors 'none'")
		require.NotContains(t, header.Get("Content-Security-Policy"), "unsafe")
		for name := range header {
			require.False(t, strings.HasPrefix(name, "Access-Control-"), name)
		}
	}
}

func TestPageShowsEachStateAndWhatToDo(t *testing.T) {
	wants := map[machine.Phase][]string{
		machine.NoAuth: {"To do: login."},
		machine.ApiKey: {"To do: none.", "apikey"},
		machine.Fresh:  {"To do: none.", "access token expires", "13:00:00", "in 57 min", "Today is 2030-01-01, UTC"},
		machine.Stale:  {"Known: issuer unavailable.", "To do: wait.", "next attempt not before", "12:17:00", "in 14 min"},
		machine.Poisoned: {
			"Known: refresh token reused.", "To do: login.", "12:02:00", "verdict", "the issuer says refresh token reused", "1 min ago",
			policy.Issuer.TokenID(tokens("first", time.Hour).RefreshToken).Short(),
		},
	}
	require.ElementsMatch(t, machine.Phases(), slices.Collect(maps.Keys(wants)))
	for phase, state := range states(t) {
		w := newWorld(t, state)
		_, body := get(t, w.url)
		require.Contains(t, body, `<p class="state" data-state="`+string(phase)+`">`)
		require.Contains(t, body, "<title id=\"states-title\">The states of a login, now "+string(phase)+"</title>")
		for _, want := range wants[phase] {
			require.Contains(t, body, want)
		}
		for _, kind := range []string{"login", "intent", "rotated", "deferred", "refused"} {
			require.Contains(t, body, "<b>Told "+kind+" ")
		}
	}
}

func TestPageMarksAnExpiredToken(t *testing.T) {
	fresh := states(t)[machine.Fresh]
	for after, want := range map[time.Duration]string{
		59 * time.Minute: `<div><dt>access token expires</dt>`, time.Hour: `<div class="bad"><dt>access token expired</dt>`,
	} {
		page := newPage(newRecorder(nil), Options{Source: newSource(fresh), Words: plain{}, Now: func() time.Time { return noon.Add(after) }})
		_, body := get(t, serve(t, page))
		require.Contains(t, body, want)
	}
}

func TestDistanceDoesNotChangeEachSecond(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "now", 59 * time.Second: "now", -59 * time.Second: "now", time.Minute: "in 1 min", 54*time.Minute + 59*time.Second: "in 54 min",
		-119 * time.Minute: "119 min ago", 2 * time.Hour: "in 2 h", -49 * time.Hour: "2 days ago",
	} {
		require.Equal(t, want, distance(noon.Add(d), noon), d)
	}
}

func TestPageTellsWhyItHasNoEntries(t *testing.T) {
	recorder := newRecorder(nil)
	s := newSource(states(t)[machine.Fresh])
	failing := func(context.Context) ([]persist.Entry, error) { return nil, io.ErrUnexpectedEOF }
	for want, read := range map[string]func(context.Context) ([]persist.Entry, error){
		"The ledger cannot be read.":       failing,
		"This login is kept in memory":     nil,
		"<p class=\"quiet\">The ledger is": func(context.Context) ([]persist.Entry, error) { return nil, nil },
	} {
		_, body := get(t, serve(t, newPage(recorder, Options{Source: s, Words: plain{}, Entries: read})))
		<-s.followers
		require.Contains(t, body, want)
	}
}

// TestPageShowsNoSecret looks through everything that is served, in every state
// and after everything that can be recorded.
func TestPageShowsNoSecret(t *testing.T) {
	all := states(t)
	w := newWorld(t, all[machine.NoAuth])
	w.recordEverything(t)
	for _, phase := range machine.Phases() {
		w.change(all[phase])
		for _, name := range []string{"", "metrics"} {
			_, body := get(t, w.url+name)
			require.Contains(t, body, string(phase))
			requireNoSecret(t, body)
		}
		requireNoSecret(t, string(w.page.changes(map[string]string{})))
	}
}

func requireNoSecret(t *testing.T, text string) {
	t.Helper()
	require.False(t, strings.Contains(text, sentinel), "a secret is shown")
	require.False(t, strings.Contains(text, "e30."), "a token is shown")
	require.False(t, strings.Contains(text, "example.com"), "an e-mail address is shown")
}

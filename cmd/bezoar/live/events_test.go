package live

import (
	"bufio"
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine"
)

// event is one server-sent event.
type event struct{ name, data string }

// follow reads the events of a page as they come; the channel is closed at the
// end of the stream.
func follow(t *testing.T, url string) <-chan event {
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"events", nil)
	require.NoError(t, err)
	response, err := client.Do(request)
	require.NoError(t, err)
	require.Equal(t, "text/event-stream", response.Header.Get("Content-Type"))
	require.Equal(t, "no-store", response.Header.Get("Cache-Control"))
	events := make(chan event)
	go func() {
		defer close(events)
		defer response.Body.Close()
		var next event
		var data []string
		for lines := bufio.NewScanner(response.Body); lines.Scan(); {
			name, value, _ := strings.Cut(lines.Text(), ": ")
			switch name {
			case "event":
				next.name = value
			case "data", "data:":
				data = append(data, value)
			case "":
				next.data = strings.Join(data, "\n")
				events <- next
				next, data = event{}, nil
			}
		}
	}()
	return events
}

// until reads events up to one of a region that shows text.
func until(t *testing.T, events <-chan event, region, text string) {
	for each := range events {
		requireNoSecret(t, each.data)
		if each.name == region && strings.Contains(each.data, text) {
			return
		}
	}
	require.Fail(t, "the stream ended before "+region+" showed "+text)
}

func TestEventsReachEachClient(t *testing.T) {
	all := states(t)
	w := newWorld(t, all[machine.Fresh])
	first, second := follow(t, w.url), follow(t, w.url)
	until(t, first, "ledger", "rotated") // the last region of what is there already
	until(t, second, "ledger", "rotated")
	w.change(all[machine.Stale])
	until(t, first, "diagram", `data-lit="Stale"`)
	until(t, second, "now", "Stale")
	w.change(all[machine.Poisoned])
	until(t, first, "now", "refresh token reused")
	until(t, second, "activity", "Stale → Poisoned")
}

// TestEventsOfAChangeComeAtOnce has a clock that moves only
// when the test lets it.
func TestEventsOfAChangeComeAtOnce(t *testing.T) {
	all := states(t)
	synctest.Test(t, func(t *testing.T) {
		s := newSource(all[machine.Fresh])
		page := newPage(newRecorder(nil), Options{Source: s, Words: plain{}})
		ctx, leave := context.WithCancel(t.Context())
		streamed := httptest.NewRecorder()
		left := make(chan struct{})
		go func() {
			defer close(left)
			page.serveEvents(streamed, httptest.NewRequestWithContext(ctx, http.MethodGet, "/events", nil))
		}()
		synctest.Wait()
		require.NotContains(t, streamed.Body.String(), "Fresh → Stale")

		s.state.Store(all[machine.Stale])
		page.recorder.changed(all[machine.Fresh].Snapshot(), all[machine.Stale].Snapshot())
		synctest.Wait() // no time goes by
		require.Contains(t, streamed.Body.String(), "Fresh → Stale")
		require.True(t, streamed.Flushed)

		page.recorder.asked() // the stream is read when it has come to rest
		time.Sleep(tick)
		synctest.Wait()
		require.Contains(t, streamed.Body.String(), "<dt>asks</dt><dd>1</dd>")
		leave()
		<-left
	})
}

func TestEventsLeaveOutWhatHasNotChanged(t *testing.T) {
	all := states(t)
	w := newWorld(t, all[machine.Fresh])
	shown := map[string]string{}
	first := string(w.page.changes(shown))
	for _, region := range regions {
		require.Contains(t, first, "event: "+region+"\n")
	}
	require.Empty(t, w.page.changes(shown))
	w.recorder.asked()
	again := string(w.page.changes(shown))
	require.Contains(t, again, "event: activity\n")
	require.NotContains(t, again, "event: now\n", "a screen reader would say the state once more")
}

// TestEventsHaveThePagesContent holds what page.js relies on: a region that has
// not changed has the very same content.
func TestEventsHaveThePagesContent(t *testing.T) {
	w := newWorld(t, states(t)[machine.Stale])
	w.recordEverything(t)
	_, body := get(t, w.url)
	shown := map[string]string{}
	w.page.changes(shown)
	for _, region := range regions {
		require.Contains(t, body, shown[region], region)
	}
}

func TestEventsEndWithTheProgram(t *testing.T) {
	s := newSource(states(t)[machine.Fresh])
	page := newPage(newRecorder(nil), Options{Source: s, Words: plain{}})
	listener, err := listen("127.0.0.1:0")
	require.NoError(t, err)
	ctx, end := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- page.serve(ctx, listener) }()
	events := follow(t, page.url(listener.Addr()))
	until(t, events, "ledger", "memory")
	end()
	require.NoError(t, <-served)
	for range events {
	}
	_, err = client.Get(page.url(listener.Addr()))
	require.Error(t, err)
}

package appserver

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine/engine"
	"github.com/bezoar-auth/bezoar/protocol/chatgpt"
)

// TestInflightMayBeginDuringADrain is for the race detector, and for
// the panic of a WaitGroup.
func TestInflightMayBeginDuringADrain(t *testing.T) {
	var all inflight
	var answered atomic.Int32
	<-all.Idle()
	const rounds = 1000
	for range rounds {
		begun := make(chan struct{})
		go func() {
			defer close(begun)
			all.Go(func() { answered.Add(1) })
		}()
		<-all.Idle()
		<-begun
	}
	<-all.Idle()
	if got := answered.Load(); got != rounds {
		t.Errorf("%d of %d have answered when all are over", got, rounds)
	}
}

// stuckBackend answers after a while, or when its caller gives up.
type stuckBackend time.Duration

func (b stuckBackend) RoundTrip(r *http.Request) (*http.Response, error) {
	select {
	case <-time.After(time.Duration(b)):
		return nil, errNoNetwork
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
}

func TestDrainAnswersEveryRequest(t *testing.T) {
	stored := tokens("first", "refresh-first")
	for name, takes := range map[string]time.Duration{"in time": time.Second, "too late": 20 * time.Second} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, closeSite := open(t, stored, func(o *Options, _ *engine.Options) {
					o.Backend = chatgpt.New(chatgpt.Options{BaseURL: "https://backend.example", Transport: stuckBackend(takes)})
				})
				defer closeSite()
				s.shakeHands()
				s.send(`{"id":7,"method":"account/rateLimits/read"}`)
				require.Empty(t, s.said())
				begun := time.Now()
				drain, cancel := context.WithTimeout(t.Context(), 4*time.Second)
				defer cancel()
				require.NoError(t, s.server.Drain(drain))
				require.Equal(t, min(takes, 4*time.Second), time.Since(begun))
				said := s.said()
				require.Len(t, said, 1)
				require.Contains(t, said[0], `"id":7`)
				if takes > 4*time.Second {
					require.Contains(t, said[0], "the server is ending")
				}
			})
		})
	}
}

func TestMillionDemandsDoNotFillTheMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, closeSite := open(t, tokens("first", "refresh-first"), nil)
		defer closeSite()
		s.shakeHands()
		unlock, err := s.store.Lock(t.Context()) // the refresh waits
		require.NoError(t, err)
		const asked = queueLimit + 1000
		taken := 0
		go func() {
			for n := range asked {
				line := fmt.Sprintf(`{"id":%d,"method":"getAuthStatus","params":{"refreshToken":true}}`, n)
				s.schema.Client([]byte(line))
				_, _ = io.WriteString(s.input, line+"\n")
				taken++
			}
		}()
		require.Empty(t, s.said())
		require.Less(t, taken, asked, "no further line is read")
		require.GreaterOrEqual(t, taken, queueLimit)
		unlock()
		answered := 0
		for range 10 {
			time.Sleep(time.Minute)
			answered += len(s.said())
		}
		require.Equal(t, asked, answered, "but each is answered in the end")
	})
}

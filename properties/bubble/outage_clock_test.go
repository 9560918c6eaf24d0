package bubble

import (
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/engine"
	"github.com/bezoar-auth/bezoar/machine/engine/enginetest"
	"github.com/bezoar-auth/bezoar/machine/machinetest"
	"github.com/bezoar-auth/bezoar/protocol/oauth"
	"github.com/bezoar-auth/bezoar/protocol/oauth/issuer"
	"github.com/bezoar-auth/bezoar/store/memory"
)

// clocked is a store whose processes have a clock of their own, which may be
// wrong or jump.
type clocked struct {
	issuer *issuer.Issuer
	ahead  time.Duration // of the issuer's clock
	jumped atomic.Int64  // nanoseconds that all clocks have jumped by, but for timers
	store  *memory.Store
	ledger *memory.Ledger
	names  machine.Issuer
	pid    int
}

func newClocked(t *testing.T, ahead time.Duration) *clocked {
	names := machine.Issuer{TokenEndpoint: "https://issuer.test/oauth/token", ClientID: oauth.DefaultClientID}
	c := &clocked{ahead: ahead, store: memory.NewStore(), ledger: memory.NewLedger(names), names: names}
	c.issuer = issuer.New(issuer.Options{Now: c.wall})
	login := machinetest.Login(issuer.Ada.ID, c.issuer.Login(issuer.Ada, c.wall()), time.Now())
	login.LastRefresh = c.now()
	require.NoError(t, c.store.Replace(t.Context(), login))
	return c
}

func (c *clocked) wall() time.Time { return time.Now().Add(time.Duration(c.jumped.Load())) }
func (c *clocked) now() time.Time  { return c.wall().Add(c.ahead) }

func (c *clocked) start(t *testing.T) *engine.Engine {
	c.pid++
	e := enginetest.Start(engine.Options{
		Policy: machine.Policy{Issuer: c.names, RefreshFloor: 5 * time.Second}, Now: c.now, ProcessID: c.pid,
		Store: c.store, Ledger: c.ledger.Process(c.pid),
		AuthorizationServer: oauth.New(oauth.Options{Transport: c.issuer.Transport(), Now: c.now}),
	})
	<-e.Ready()
	return e
}

func (c *clocked) poll(t *testing.T, engines []*engine.Engine, length time.Duration) {
	for range length / (10 * time.Second) {
		for _, e := range engines {
			state, err := e.Status(t.Context(), machine.Ask{Token: true})
			require.NoError(t, err)
			require.False(t, state.Token().IsEmpty(), "there is a token all the time")
		}
		time.Sleep(10 * time.Second)
	}
}

// A clock that is a day ahead finds every token expired at birth; one that is a
// day behind finds none expired that is. Eight processes ask for hours, and one
// after the other starts anew.
func TestWrongClockCostsFewPosts(t *testing.T) {
	for _, ahead := range []time.Duration{24 * time.Hour, -24 * time.Hour} {
		t.Run(fmt.Sprint(ahead), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const hours = 4
				c := newClocked(t, ahead)
				var engines []*engine.Engine
				for range 8 {
					engines = append(engines, c.start(t))
				}
				for n := range engines {
					c.poll(t, engines, hours*time.Hour/time.Duration(len(engines)))
					engines[n].Close(t.Context())
					engines[n] = c.start(t)
				}
				for _, e := range engines {
					e.Close(t.Context())
				}
				counts := c.issuer.Counts()
				t.Logf("%d posts in %d hours by 8 processes", counts.Posts, hours)
				require.LessOrEqual(t, counts.Posts, hours*12+1)
				require.Zero(t, counts.Replays)
			})
		})
	}
}

// A laptop sleeps for twelve hours: the monotonic clock stands still and the
// wall clock jumps, in the middle of a backoff. The next ask makes the one post
// that is due. The same holds when the clock is set back.
func TestSuspendNeitherStallsNorStorms(t *testing.T) {
	for _, jump := range []time.Duration{12 * time.Hour, -12 * time.Hour} {
		t.Run(fmt.Sprint(jump), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newClocked(t, 0)
				c.issuer.Script(issuer.Refresh, issuer.Step{Status: 503, Header: map[string][]string{"Retry-After": {"600"}}})
				engines := []*engine.Engine{c.start(t), c.start(t), c.start(t)}
				for _, e := range engines {
					defer e.Close(t.Context())
				}
				_, err := engines[0].Status(t.Context(), machine.Ask{Refresh: true, Token: true})
				require.NoError(t, err)
				c.poll(t, engines, time.Minute)
				require.Equal(t, 1, c.issuer.Counts().Posts, "the backoff holds")

				c.jumped.Add(int64(jump))
				c.poll(t, engines, 5*time.Minute)
				require.Equal(t, 2, c.issuer.Counts().Posts, "no storm")
				require.Equal(t, machine.Fresh, engines[0].Snapshot().Phase(), "no stall")
				require.Zero(t, c.issuer.Counts().Replays)
			})
		})
	}
}

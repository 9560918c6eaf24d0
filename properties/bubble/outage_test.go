package bubble

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/engine"
	"github.com/bezoar-auth/bezoar/machine/engine/enginetest"
	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/machine/machinetest"
	"github.com/bezoar-auth/bezoar/protocol/oauth"
	"github.com/bezoar-auth/bezoar/protocol/oauth/issuer"
	"github.com/bezoar-auth/bezoar/store/memory"
)

const (
	outageEngines = 100
	outageLength  = 10 * time.Hour
	outagePoll    = time.Minute // of each client
	outagePosts   = 60
	outageRest    = 15 * time.Minute // after the end, until each client has a token
)

// outages are ways to be down. They come one after the other, each for an equal
// part of ten hours; "refused" never reaches the issuer.
var outages = map[string]issuer.Step{
	"unavailable":  {Status: 503},
	"wants a rest": {Status: 503, Header: http.Header{"Retry-After": {"120"}}},
	"too many":     {Status: 429, Header: http.Header{"Retry-After": {"5"}}},
	"hangs":        {Before: issuer.Pause{For: 24 * time.Hour}},
	"refused":      {},
}

// A hundred processes share one store, and their clients ask every minute.
// None of them may wear the issuer out, and none may sleep when it is back.
func TestTenHourOutageCostsSixtyPosts(t *testing.T) {
	stories := [][]string{{"refused", "unavailable", "wants a rest", "too many"}, {"unavailable"}}
	for _, story := range stories {
		t.Run(fmt.Sprint(story), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { newOutage(t).run(t, story) })
		})
	}
}

// An issuer that takes a token and never answers may have spent it. It is asked
// once more and not again: then a person has to log in, and all processes say so.
func TestHangingIssuerIsAskedTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOutage(t)
		end := time.Now().Add(outageLength)
		o.breakDown("hangs")
		var all sync.WaitGroup
		for _, e := range o.engines {
			all.Go(func() { o.poll(t, e, end) })
		}
		all.Wait()
		require.Equal(t, int64(2), o.posts.Load())
		require.Empty(t, o.recovered)
		for _, e := range o.engines {
			assessed := e.Snapshot().Assess(time.Now())
			require.Equal(t, machine.ActionLogin, assessed.Action)
			require.Equal(t, string(history.ReasonInDoubt), assessed.Reason)
			e.Close(t.Context())
		}
	})
}

// outage is a store with its issuer and all who share them.
type outage struct {
	issuer  *issuer.Issuer
	way     *issuer.Transport
	posts   atomic.Int64 // also those that do not reach the issuer
	store   *memory.Store
	ledger  *memory.Ledger
	engines []*engine.Engine

	mu        sync.Mutex // guards recovered
	recovered []time.Duration
}

// RoundTrip counts what is sent.
func (o *outage) RoundTrip(r *http.Request) (*http.Response, error) {
	o.posts.Add(1)
	return o.way.RoundTrip(r)
}

func newOutage(t *testing.T) *outage {
	i := issuer.New(issuer.Options{})
	o := &outage{issuer: i, way: i.Transport(), store: memory.NewStore()}
	names := machine.Issuer{TokenEndpoint: "https://issuer.test/oauth/token", ClientID: oauth.DefaultClientID}
	o.ledger = memory.NewLedger(names)
	require.NoError(t, o.store.Replace(t.Context(), machinetest.Login(issuer.Ada.ID, i.Login(issuer.Ada, time.Now()), time.Now())))
	for n := range outageEngines {
		o.engines = append(o.engines, enginetest.Start(engine.Options{
			Policy: machine.Policy{Issuer: names, RefreshFloor: 5 * time.Second}, ProcessID: n + 1,
			Store: o.store, Ledger: o.ledger.Process(n + 1),
			AuthorizationServer: oauth.New(oauth.Options{Transport: o}),
		}))
	}
	return o
}

func (o *outage) run(t *testing.T, story []string) {
	begun := time.Now()
	end := begun.Add(outageLength)
	o.breakDown(story[0])
	var all sync.WaitGroup
	for _, e := range o.engines {
		all.Go(func() { o.poll(t, e, end) })
	}
	for n, name := range story {
		time.Sleep(time.Until(begun.Add(outageLength * time.Duration(n) / time.Duration(len(story)))))
		o.breakDown(name)
	}
	time.Sleep(time.Until(end))
	posts := int(o.posts.Load())
	o.way.Refuse(false)
	o.issuer.Always(issuer.Refresh, issuer.Step{})
	all.Wait()
	for _, e := range o.engines {
		e.Close(t.Context())
	}
	slices.Sort(o.recovered)
	t.Logf("%d posts in %v by %d engines; then the first one had a token after %v, the last one after %v, for %d posts more",
		posts, outageLength, outageEngines, o.recovered[0], o.recovered[len(o.recovered)-1], int(o.posts.Load())-posts)
	require.LessOrEqual(t, posts, outagePosts)
	require.Len(t, o.recovered, outageEngines, "an engine has no token")
	require.LessOrEqual(t, o.recovered[len(o.recovered)-1], outageRest)
	require.Zero(t, o.issuer.Counts().Replays)
}

func (o *outage) breakDown(name string) {
	o.way.Refuse(name == "refused")
	o.issuer.Always(issuer.Refresh, outages[name])
}

// poll is a client that asks for a token, and now and then for a new one, until
// it has one after the end.
func (o *outage) poll(t *testing.T, e *engine.Engine, end time.Time) {
	time.Sleep(rand.N(outagePoll))
	for time.Since(end) <= outageRest {
		asked := time.Now()
		state, err := e.Status(t.Context(), machine.Ask{Token: true, Refresh: rand.IntN(10) == 0})
		require.NoError(t, err)
		if isNew := state.Phase() == machine.Fresh && state.RefreshedAt().After(end); isNew && asked.After(end) {
			o.mu.Lock()
			o.recovered = append(o.recovered, time.Since(end))
			o.mu.Unlock()
			return
		}
		time.Sleep(outagePoll)
	}
}

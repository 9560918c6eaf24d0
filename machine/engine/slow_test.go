package engine_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/endpoint"
	"github.com/bezoar-auth/bezoar/machine/engine"
	"github.com/bezoar-auth/bezoar/machine/evidence"
	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/store/bounded"
)

// deaf is a store whose calls take so long, whatever their context: a disk that is
// slow, or a network home that is gone.
type deaf struct {
	persist.Store
	takes time.Duration
}

func (d *deaf) Load(context.Context) (persist.Record, error) {
	time.Sleep(d.takes)
	return d.Store.Load(context.Background())
}

func (d *deaf) Stamp(context.Context) (persist.Stamp, bool) {
	time.Sleep(d.takes)
	return d.Store.Stamp(context.Background())
}

func (d *deaf) Replace(_ context.Context, c machine.Credential) error {
	time.Sleep(d.takes)
	return d.Store.Replace(context.Background(), c)
}

// onDeafStore is an engine on such a store, which is well until it has looked.
func onDeafStore(s *site) (*engine.Engine, *deaf) {
	d := &deaf{Store: s.store}
	return s.startWith(func(o *engine.Options) { o.Store = bounded.NewStore(d) }), d
}

func TestADeadHomeCostsTwoSecondsAndNotTheProgram(t *testing.T) {
	inBubble(t, noLogin, func(t *testing.T, s *site) {
		e, d := onDeafStore(s)
		d.takes = time.Hour
		begun := time.Now()
		for range 100 {
			state, err := e.Status(t.Context(), poll)
			require.NoError(t, err)
			require.Equal(t, machine.NoAuth, state.Phase())
		}
		require.Less(t, time.Since(begun), 3*time.Second, "all hundred polls")
		require.Equal(t, machine.ActionOperator, e.Snapshot().Assess(time.Now()).Action)
		closing := time.Now()
		e.Close(ended())
		require.Less(t, time.Since(closing), 4*time.Second)
		time.Sleep(d.takes)
	})
}

// A poll is answered on the goroutine that reads what clients send.
func TestThePollThatLooksFirstDoesNotStopTheReader(t *testing.T) {
	inBubble(t, good, func(t *testing.T, s *site) {
		e, d := onDeafStore(s)
		require.NoError(t, e.Reload(t.Context()))
		_, err := e.Logout(t.Context())
		require.NoError(t, err)
		_, err = e.Status(t.Context(), poll) // it has looked
		require.NoError(t, err)
		d.takes = time.Hour
		begun := time.Now()
		_, known := e.TryAnswer(poll)
		require.False(t, known)
		require.Less(t, time.Since(begun), 100*time.Millisecond)
		e.Close(ended())
		time.Sleep(d.takes)
	})
}

func TestLoginReportsWhatIsStored(t *testing.T) {
	for name, row := range map[string]struct {
		takes time.Duration
		known bool
	}{"slow": {8 * time.Second, true}, "too slow": {20 * time.Second, false}} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, noLogin, func(t *testing.T, s *site) {
				e, d := onDeafStore(s)
				d.takes = row.takes
				next := login("next", time.Hour)
				err := e.Login(t.Context(), next)
				if row.known {
					require.NoError(t, err)
					s.isStored(next)
				} else {
					unknown := new(persist.UnknownError)
					require.ErrorAs(t, err, &unknown, "it is not told as failed")
					time.Sleep(time.Minute)
					s.isStored(next)
				}
				time.Sleep(row.takes) // for a look that was given up
				synctest.Wait()
				d.takes = 0
				state, err := e.Status(t.Context(), poll)
				require.NoError(t, err)
				require.Equal(t, next.AccessToken.Fingerprint(), state.Token().Fingerprint(), "and it is found")
				e.Close(ended())
			})
		})
	}
}

func TestALoginWhoseCallerGaveUpIsNotToldAsFailed(t *testing.T) {
	inBubble(t, noLogin, func(t *testing.T, s *site) {
		e, d := onDeafStore(s)
		d.takes = 5 * time.Second
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		unknown := new(persist.UnknownError)
		require.ErrorAs(t, e.Login(ctx, login("next", time.Hour)), &unknown)
		time.Sleep(time.Minute)
		e.Close(ended())
	})
}

// slowLedger takes as long to read as its caller waits.
type slowLedger struct{ persist.Ledger }

func (slowLedger) History(ctx context.Context) (history.TokenHistory, error) {
	<-ctx.Done()
	return history.TokenHistory{}, &persist.UnavailableError{Err: ctx.Err()}
}

func TestALedgerThatIsSlowToReadHidesNoLogin(t *testing.T) {
	inBubble(t, good, func(t *testing.T, s *site) {
		begun := time.Now()
		s.restart(func(o *engine.Options) { o.Ledger = slowLedger{o.Ledger} })
		<-s.Ready()
		require.Equal(t, machine.Fresh, s.Snapshot().Phase())
		require.Less(t, time.Since(begun), 2*time.Second)
	})
}

// slowToIntend takes a second to write an intent, whatever its context.
type slowToIntend struct {
	persist.Ledger
	isWriting *atomic.Bool
}

func (l slowToIntend) Intend(ctx context.Context, intent persist.Entry, doubt history.Doubt) error {
	l.isWriting.Store(true)
	defer l.isWriting.Store(false)
	time.Sleep(time.Second)
	return l.Ledger.Intend(context.WithoutCancel(ctx), intent, doubt)
}

// The process is gone when Close returns: an intent that comes to be after that would
// raise a doubt about a token of which nothing was spent.
func TestAnIntentThatIsBeingMadeAtTheEndIsTakenBack(t *testing.T) {
	inBubble(t, good, func(t *testing.T, s *site) {
		var isWriting atomic.Bool
		s.restart(func(o *engine.Options) { o.Ledger = bounded.NewLedger(slowToIntend{o.Ledger, &isWriting}) })
		s.asking(demand)
		time.Sleep(time.Second / 2)
		s.Close(t.Context())
		require.False(t, isWriting.Load(), "it is waited for")
		require.Zero(t, s.posts())
		require.Zero(t, s.doubt(s.stored()).Times)
	})
}

// A replay that an issuer forgives is made while its callers wait, and holds them up no
// longer than a post does.
func TestAForgivenReplayWaitsNoLongerThanTheDeadline(t *testing.T) {
	for wait, replays := range map[time.Duration]int{time.Second: 1, 5 * time.Minute: 0} {
		inBubble(t, aged, func(t *testing.T, s *site) {
			s.restart(func(o *engine.Options) { o.Policy.ReuseLeeway = 10 * time.Minute })
			asked := s.asking(demand)
			s.answer(endpoint.Unavailable{Evidence: evidence.Evidence{Status: 503}, RetryAfter: wait})
			time.Sleep(5 * time.Second)
			synctest.Wait()
			require.Equal(t, 1+replays, s.posts())
			if replays > 0 {
				s.answer(granted(login("next", time.Hour)))
			}
			require.True(t, asked.isAnswered())
		})
	}
}

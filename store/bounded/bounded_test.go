package bounded_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/store/bounded"
	"github.com/bezoar-auth/bezoar/store/memory"
	"github.com/bezoar-auth/bezoar/store/storetest"
)

// storeSite is a store in memory that all its processes share.
type storeSite struct{ store *memory.Store }

func (s storeSite) Open() persist.Store { return bounded.NewStore(s.store) }

func TestStoreKeepsTheContract(t *testing.T) {
	storetest.RunStore(t, func(*testing.T) storetest.StoreSite { return storeSite{memory.NewStore()} })
}

// ledgerSite is a ledger in memory and its simulated processes.
type ledgerSite struct {
	ledger    *memory.Ledger
	processes map[persist.Ledger]*memory.Process
}

func (s *ledgerSite) Start() persist.Ledger {
	process := s.ledger.Process(len(s.processes) + 1)
	opened := bounded.NewLedger(process)
	s.processes[opened] = process
	return opened
}

func (s *ledgerSite) Crash(ledger persist.Ledger) { s.processes[ledger].Crash() }

func TestLedgerKeepsTheContract(t *testing.T) {
	storetest.RunLedger(t, func(*testing.T) storetest.LedgerSite {
		return &ledgerSite{memory.NewLedger(storetest.LedgerIssuer), map[persist.Ledger]*memory.Process{}}
	})
}

// hanging is a store and a ledger of which each call takes as long as a test says,
// whatever its context, as a call to a dead network home does.
type hanging struct {
	*memory.Store
	persist.Ledger
	takes time.Duration
	calls atomic.Int32
}

func (h *hanging) hang() {
	h.calls.Add(1)
	time.Sleep(h.takes)
}

func (h *hanging) Load(ctx context.Context) (persist.Record, error) {
	h.hang()
	return h.Store.Load(ctx)
}

func (h *hanging) Stamp(ctx context.Context) (persist.Stamp, bool) {
	h.hang()
	return h.Store.Stamp(ctx)
}

func (h *hanging) Replace(ctx context.Context, c machine.Credential) error {
	h.hang()
	return h.Store.Replace(ctx, c)
}

func (h *hanging) Lock(context.Context) (func(), error) {
	h.hang()
	return h.Store.Lock(context.Background())
}

func (h *hanging) Intend(_ context.Context, intent persist.Entry, doubt history.Doubt) error {
	h.hang()
	return h.Ledger.Intend(context.Background(), intent, doubt)
}

func within(t *testing.T, limit time.Duration, do func(ctx context.Context)) time.Duration {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	begun := time.Now()
	do(ctx)
	return time.Since(begun)
}

func TestReadOfADeadHomeWaitsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		of := &hanging{Store: memory.NewStore(), takes: time.Hour}
		s := bounded.NewStore(of)
		took := within(t, bounded.Patience, func(ctx context.Context) {
			_, err := s.Load(ctx)
			unavailable := new(persist.UnavailableError)
			require.ErrorAs(t, err, &unavailable)
			require.ErrorIs(t, err, bounded.ErrSlow, "a slow disk is said to be slow")
		})
		require.Equal(t, bounded.Patience, took)
		took = within(t, bounded.Patience, func(ctx context.Context) {
			for range 1000 {
				_, known := s.Stamp(ctx)
				require.False(t, known)
			}
			_, err := s.Lock(ctx)
			require.ErrorIs(t, err, bounded.ErrSlow)
		})
		require.Zero(t, took)
		require.EqualValues(t, 1, of.calls.Load(), "and one goroutine")
		time.Sleep(of.takes)
		synctest.Wait()
		of.takes = 0
		within(t, bounded.Patience, func(ctx context.Context) {
			_, known := s.Stamp(ctx)
			require.True(t, known, "it is looked at again when it answers")
		})
	})
}

func TestWriteThatIsGivenUpIsUnknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		of := &hanging{Store: memory.NewStore(), takes: time.Minute}
		s := bounded.NewStore(of)
		key := machine.Credential{Method: machine.MethodAPIKey, APIKey: secret.New("key")}
		took := within(t, 10*time.Second, func(ctx context.Context) {
			unknown := new(persist.UnknownError)
			require.ErrorAs(t, s.Replace(ctx, key), &unknown)
			undurable := new(persist.NotDurableError)
			require.ErrorAs(t, s.Delete(ctx), &undurable, "what has not begun has changed nothing")
		})
		require.Equal(t, 10*time.Second, took)
		_, err := of.Store.Load(t.Context())
		require.ErrorIs(t, err, persist.ErrNotFound)
		time.Sleep(of.takes)
		synctest.Wait()
		stored, err := of.Store.Load(t.Context())
		require.NoError(t, err)
		require.True(t, stored.Credential.Equal(key), "it has taken place after all")
	})
}

func TestALockOrAnIntentThatComesTooLateIsGivenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ledger := memory.NewLedger(storetest.LedgerIssuer)
		of := &hanging{Store: memory.NewStore(), Ledger: ledger.Process(1), takes: time.Minute}
		intent := persist.Entry{Kind: persist.Intended, TokenID: "key", At: time.Now()}
		within(t, time.Second, func(ctx context.Context) {
			_, err := bounded.NewStore(of).Lock(ctx)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			undurable := new(persist.NotDurableError)
			require.ErrorAs(t, bounded.NewLedger(of).Intend(ctx, intent, history.Doubt{}), &undurable)
		})
		time.Sleep(of.takes)
		synctest.Wait()
		within(t, time.Second, func(ctx context.Context) {
			unlock, err := of.Store.Lock(ctx)
			require.NoError(t, err)
			unlock()
			doubt, err := ledger.Process(2).Doubt(ctx, "key")
			require.NoError(t, err)
			require.Zero(t, doubt.Times)
		})
	})
}

func (h *hanging) Reserve(context.Context, machine.Credential) (func(), error) { return h.hang, nil }

func TestRoomIsGivenBackWithinABound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		of := &hanging{Store: memory.NewStore(), takes: time.Hour}
		release, err := bounded.NewStore(of).Reserve(t.Context(), machine.Credential{})
		require.NoError(t, err)
		begun := time.Now()
		release()
		require.LessOrEqual(t, time.Since(begun), 10*time.Second)
		require.EqualValues(t, 1, of.calls.Load())
		time.Sleep(of.takes)
	})
}

package growth

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/endpoint"
	"github.com/bezoar-auth/bezoar/machine/machinetest"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/properties/programtest"
	"github.com/bezoar-auth/bezoar/store/file"
	"github.com/bezoar-auth/bezoar/store/memory"
)

// past is something that a program may have more and more of behind it.
type past struct {
	what  string
	sizes []int // of which the first and the third are short enough for a test
	begin func(t testing.TB, size int) *resident
}

var pasts = []past{
	{"entries in the ledger", []int{100, 1000, 10_000, 100_000}, withLedger},
	{"logins", []int{10, 100, 1000, 10_000}, with((*resident).logInAnew)},
	{"refreshes", []int{10, 100, 1000, 10_000}, with((*resident).refresh)},
	{"polls", []int{100, 1000, 10_000, 100_000}, with(func(r *resident) { r.poll() })},
}

// withLedger begins where a ledger is, and has read it.
func withLedger(t testing.TB, entries int) *resident {
	home := t.TempDir()
	writePast(t, home, entries)
	return newResident(t, file.Open(home, file.Options{}), file.OpenLedger(home, programtest.Issuer, file.LedgerOptions{}))
}

// with begins with nothing and then does something so often.
func with(do func(*resident)) func(testing.TB, int) *resident {
	return func(t testing.TB, times int) *resident {
		r := newResident(t, memory.NewStore(), memory.NewLedger(programtest.Issuer).Process(1))
		for range times {
			do(r)
		}
		return r
	}
}

// logInAnew ends a login by another one, and uses that.
func (r *resident) logInAnew() {
	require.NoError(r.t, r.Login(r.t.Context(), r.issuer.login()))
	r.refresh()
}

// writePast makes the ledger of a long past, two entries to a refresh.
func writePast(t testing.TB, home string, entries int) {
	key := func(n int) secret.Fingerprint { return secret.New(fmt.Sprint("past ", n)).Fingerprint() }
	var journal []byte
	for n := range entries {
		e := persist.Entry{At: machinetest.Dawn, PID: 1, Cause: endpoint.CauseExpiring, TokenID: key(n / 2), Access: key(n), Kind: persist.Intended}
		if n%2 == 1 {
			e.Kind, e.NextID = persist.Rotated, key(n/2+1)
		}
		line, err := json.Marshal(e)
		require.NoError(t, err)
		journal = append(append(journal, line...), '\n')
	}
	require.NoError(t, os.WriteFile(filepath.Join(home, file.LedgerName), journal, 0o600))
}

// Allocations can be counted where time cannot: a poll that looked at its past
// would make more of them.
func TestPollAllocatesTheSameAfterALongPast(t *testing.T) {
	for _, past := range pasts {
		t.Run(past.what, func(t *testing.T) {
			require.Equal(t, past.allocations(t, past.sizes[0]), past.allocations(t, past.sizes[2]))
		})
	}
}

// allocations are those of a poll that gets a token, and of an ask while
// poisoned: without the pipes, for whether the answer finds a goroutine at hand to
// write it is up to the scheduler.
func (p past) allocations(t *testing.T, size int) (each [2]float64) {
	synctest.Test(t, func(t *testing.T) {
		r := p.begin(t, size)
		defer r.close()
		require.True(t, r.poll())
		each[0] = testing.AllocsPerRun(1000, func() { r.poll() })
		r.poison()
		each[1] = testing.AllocsPerRun(1000, func() { _, _ = r.Status(t.Context(), machine.Ask{Token: true}) })
	})
	return each
}

// What is remembered of logins is some lists of fixed length, and in this ledger
// 2,048 entries: half a megabyte more or less, as measured.
func TestPastLoginsAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newResident(t, memory.NewStore(), memory.NewLedger(programtest.Issuer).Process(1))
		defer r.close()
		inUse := func(logins int) uint64 {
			for range logins {
				r.logInAnew()
			}
			bytes, _ := heap()
			return bytes
		}
		full := inUse(700)
		more := 1000
		if machinetest.Long() {
			more = 4000
		}
		require.LessOrEqual(t, inUse(more), full+1<<20)
	})
}

package file

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/machine/machinetest"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/store/disk"
	"github.com/bezoar-auth/bezoar/store/storetest"
	"github.com/bezoar-auth/bezoar/store/system"
	"github.com/bezoar-auth/bezoar/store/system/systemtest"
)

// atEachSync runs a write on disks that fail at its first sync, at its second, and so on. The
// write must say each time that nothing is durable. It returns how often it syncs.
func atEachSync(t *testing.T, write func(on disk.Disk) (after func(), err error)) (syncs int) {
	t.Helper()
	for ; ; syncs++ {
		on, failed := systemtest.WithFailedSync(syncs)
		after, err := write(disk.Disk{On: on})
		if !failed() {
			require.NoError(t, err)
			return syncs
		}
		undurable := new(persist.NotDurableError)
		require.ErrorAs(t, err, &undurable, "sync %d of the write is not heard", syncs)
		after()
	}
}

// What a disk does not take is not said to be stored, be it the content or the name: a power
// failure would take it away.
func TestAWriteIsStoredOnceTheDiskSaysSo(t *testing.T) {
	for where, prepare := range map[string]func(home string){"as usual": loggedIn(t), "in place": shared(t)} {
		for name, write := range writes {
			t.Run(name+" "+where, func(t *testing.T) {
				syncs := atEachSync(t, func(on disk.Disk) (func(), error) {
					home := machinetest.Dir(t)
					prepare(home)
					s := quiet(home)
					s.disk = on
					err := write(s)
					return func() { require.Contains(t, []string{"old", "new", "none"}, stored(t, quiet(home))) }, err
				})
				require.Positive(t, syncs)
			})
		}
	}
}

// A process may have died before it synced what the next one is about to put in place.
func TestASweepPutsInPlaceWhatIsOnTheDisk(t *testing.T) {
	home := machinetest.Dir(t)
	loggedIn(t)(home)
	leave(t, home, thisOwner(system.Here)())
	sweepOn := func(on system.System) {
		s := quiet(home)
		s.disk.On = on
		where, err := s.find()
		require.NoError(t, err)
		for _, each := range where.leftovers() {
			s.recover(background, each)
		}
	}
	failing, failed := systemtest.WithFailedSync(0)
	sweepOn(failing)
	require.True(t, failed())
	require.Equal(t, "old", stored(t, quiet(home)))
	sweepOn(system.Here)
	require.Equal(t, "new", stored(t, quiet(home)))
}

// A post on an intent, or an answer to a client on an outcome, that a power failure takes away is
// a token that is spent twice.
func TestAnEntryIsWrittenOnceTheDiskSaysSo(t *testing.T) {
	intent := persist.Entry{Kind: persist.Intended, TokenID: ledgerKey(1), At: ledgerNoon}
	for name, write := range map[string]func(l *Ledger) error{
		"append":   func(l *Ledger) error { return l.Append(background, refusal(1)) },
		"intend":   func(l *Ledger) error { return l.Intend(background, intent, history.Doubt{}) },
		"conclude": func(l *Ledger) error { return l.Conclude(background, ledgerKey(1), refusal(1)) },
	} {
		t.Run(name, func(t *testing.T) {
			syncs := atEachSync(t, func(on disk.Disk) (func(), error) {
				l := OpenLedger(machinetest.Dir(t), storetest.LedgerIssuer, LedgerOptions{Disk: on, Now: func() time.Time { return ledgerNoon }})
				err := write(l)
				return func() {
					require.Empty(t, intentFiles(t, l), "an intent that is not durable is none")
				}, err
			})
			require.GreaterOrEqual(t, syncs, 2, "the line, and the name of a new journal")
		})
	}
}

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
	"github.com/bezoar-auth/bezoar/store/system/systemtest"
)

// in is the disk as a process of a boot sees it, which has the number and the start of this one.
func in(boot string) disk.Disk { return disk.Disk{On: systemtest.WithPIDNamespace(boot)} }

// After a restart a process may have the number, and the start in ticks of its boot, of the one
// that made an intent. It is not taken for it, which would hold the intent open for as long as
// it runs; nor is its own start taken for proof that the other one has ended.
func TestAnIntentOfAnEarlierBootIsOverWhenItsPostMustBe(t *testing.T) {
	home, now := machinetest.Dir(t), ledgerNoon
	made := persist.Entry{Kind: persist.Intended, TokenID: ledgerKey(1), At: now}
	ledger := func(boot string) *Ledger {
		return OpenLedger(home, storetest.LedgerIssuer, LedgerOptions{Now: func() time.Time { return now }, Disk: in(boot)})
	}
	require.NoError(t, ledger("first boot").Intend(background, made, history.Doubt{}))
	holderGone := func(boot string, after time.Duration) bool {
		now = ledgerNoon.Add(after)
		doubt, err := ledger(boot).Doubt(background, ledgerKey(1))
		require.NoError(t, err)
		require.Equal(t, 1, doubt.Times)
		return doubt.HolderGone
	}
	require.False(t, holderGone("first boot", 36*time.Second), "its process runs, and may hear the answer")
	require.False(t, holderGone("second boot", 35*time.Second))
	require.True(t, holderGone("second boot", 36*time.Second))
	require.True(t, holderGone("", 36*time.Second), "a system that does not know its boot")
}

// The successor that a process of an earlier boot staged is put in place, when an hour has
// passed; and not by the number of a process that runs now.
func TestAStagedLoginOfAnEarlierBootIsNotLost(t *testing.T) {
	home := machinetest.Dir(t)
	loggedIn(t)(home)
	first := in("first boot")
	leave(t, home, thisOwner(first.System())())
	s := quiet(home)
	s.disk = in("second boot")
	s.owner = thisOwner(s.disk.System())
	sweepNow(t, s)
	require.Equal(t, "old", stored(t, s), "it may be another machine's, which is about to put it in place")
	s.now = func() time.Time { return time.Now().Add(StagedSpan + time.Minute) }
	sweepNow(t, s)
	require.Equal(t, "new", stored(t, s))
	requireNoLitter(t, home, authFile, commitFile)
}

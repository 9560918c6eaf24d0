package file

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine/machinetest"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/store/storetest"
	"github.com/bezoar-auth/bezoar/store/system"
	"github.com/bezoar-auth/bezoar/store/system/systemtest"
)

const systemVariable = "BEZOAR_TEST_SYSTEM" // "weakest" in the processes that die on that one

func init() {
	if onTheWeakest() {
		system.Here = systemtest.Weakest()
	}
}

func onTheWeakest() bool { return os.Getenv(systemVariable) == "weakest" }

// on runs a test on another system, with the processes that it starts. No test may run
// beside it.
func on(t *testing.T, other system.System) {
	here := system.Here
	system.Here = other
	t.Cleanup(func() { system.Here = here })
	t.Setenv(systemVariable, "")
}

func toTheWeakest(t *testing.T) {
	on(t, systemtest.Weakest())
	t.Setenv(systemVariable, "weakest")
}

// The weakest system has no exchange, no lock, no number of names, no inode, times to the
// second, no boot id and no start of a process. It loses no login to a crash, and posts no
// token twice. What it cannot is named here.
func TestTheWeakestSystemKeepsTheContract(t *testing.T) {
	toTheWeakest(t)
	cannot := []string{
		"AStampTellsOfEveryChange",            // not of two in one second that are as long as each other
		"TheLockExcludes",                     // only those who use one store
		"WaitingForTheLockEndsWithItsContext", // one does not wait
		"OneOfManySwapsFromOneBaseWins",       // of those that compare before the first one renames, the last does
		"ALoginIsNeverUndoneByALateRefresh",   // one that comes between a comparison and its rename is
		"RandomStoresAgreeWithTheModel",       // which has stamps and locks
	}
	storetest.RunStore(t, func(t *testing.T) storetest.StoreSite {
		return &storeSite{t: t, home: machinetest.Dir(t)}
	}, append(cannot, unlockedOnOldDisks()...)...)
}

// unlockedOnOldDisks is what a system without locks cannot on disks that replace no open
// file, as Wine has it for Windows: two processes may then write in place at once.
func unlockedOnOldDisks() []string {
	if runtime.GOOS == "windows" {
		return []string{"AReaderSeesWholeRecordsOnly"}
	}
	return nil
}

// A lock that several get at once is no lock at all, and cannot be seen to be none.
func TestWhereLocksLieTheContractIsKept(t *testing.T) {
	on(t, systemtest.WithLyingLocks())
	cannot := []string{
		"TheLockExcludes",                     // only those who use one store
		"WaitingForTheLockEndsWithItsContext", // one does not wait
		"RandomStoresAgreeWithTheModel",       // which has locks
	}
	if !exchanges() {
		cannot = append(cannot, "OneOfManySwapsFromOneBaseWins", "ALoginIsNeverUndoneByALateRefresh") // as on the weakest system
	}
	storetest.RunStore(t, func(t *testing.T) storetest.StoreSite {
		return &storeSite{t: t, home: machinetest.Dir(t)}
	}, append(cannot, unlockedOnOldDisks()...)...)
	if machinetest.Long() { // with no locks at all, which comes to the same there, it always does
		t.Run("Ledger", TestLedgerKeepsTheContract)
	}
}

func TestWithoutAnExchangeAStoreKeepsTheContract(t *testing.T) {
	on(t, systemtest.Without(system.Exchanges))
	TestStoreKeepsTheContract(t)
}

func TestALedgerOnWeakFilesKeepsTheContract(t *testing.T) {
	on(t, systemtest.WithWeakFiles())
	TestLedgerKeepsTheContract(t)
}

// Without an exchange, a login that comes before the last comparison is a conflict. The
// comparison and the rename are two steps, and a login in between is lost, if its program
// takes no lock.
func TestWithoutAnExchangeOnlyALoginAtTheRenameIsLost(t *testing.T) {
	home := machinetest.Dir(t)
	loggedIn(t)(home)
	s := stepping(home, "swap: rename", logIn(t, home, 333))
	s.disk.On = systemtest.Without(system.Exchanges)
	require.ErrorIs(t, s.Swap(background, revisionIn(t, s), newLogin), persist.ErrConflict)
	require.Equal(t, "other", stored(t, s))

	s = quiet(home)
	s.disk.On = changing{systemtest.Without(system.Exchanges), logIn(t, home, 1)}
	require.NoError(t, s.Swap(background, revisionIn(t, s), newLogin))
	require.Equal(t, "new", stored(t, s))
}

// So what another bezoar stores or removes there waits for the swap. Whether a disk refuses the
// exchange, as some network disks do where the system has one, no process knows that has not
// tried: all of them take the lock.
func TestWhereAnExchangeIsRefusedALoginWaitsForASwap(t *testing.T) {
	refuse := func(with error) system.System {
		return systemtest.WithExchange(func(_, _ string) error { return with })
	}
	for name, on := range map[string]system.System{
		"by the system": systemtest.Without(system.Exchanges), "by the disk": refuse(errors.ErrUnsupported),
		"by a sandbox": refuse(syscall.EPERM),
	} {
		for after, deed := range map[string]func(*Store) error{
			"other": func(s *Store) error { return s.Replace(background, otherLogin) },
			"none":  func(s *Store) error { return s.Delete(background) },
		} {
			t.Run(name+" "+after, func(t *testing.T) {
				home := machinetest.Dir(t)
				loggedIn(t)(home)
				waits, done := make(chan bool, 1), make(chan error, 1)
				other := quiet(home)
				other.disk.On = locking{on, func(path string) {
					if filepath.Base(path) == commitFile {
						waits <- true
					}
				}}
				s := quiet(home)
				s.disk.On = changing{on, sync.OnceFunc(func() {
					go func() { done <- deed(other) }()
					select {
					case <-waits:
					case err := <-done:
						done <- err
					}
				})}
				require.NoError(t, s.Swap(background, revisionIn(t, s), newLogin))
				require.NoError(t, <-done)
				require.Equal(t, after, stored(t, s))
			})
		}
	}
}

type locking struct {
	system.System
	takes func(path string)
}

func (s locking) NewLock(path string) system.Lock {
	s.takes(path)
	return s.System.NewLock(path)
}

// changing is a system on which something happens between a comparison and its rename.
type changing struct {
	system.System
	happens func()
}

func (s changing) RenameIf(from, to string, holds func() bool) error {
	return s.System.RenameIf(from, to, func() bool {
		defer s.happens()
		return holds()
	})
}

// After an exchange that only renames, the old login is nowhere. That is taken for another
// login that has come and gone: a conflict, after which the engine finds the new one in place.
func TestAnExchangeThatOnlyRenamesLosesNoNewLogin(t *testing.T) {
	home := machinetest.Dir(t)
	loggedIn(t)(home)
	s := quiet(home)
	s.disk.On = systemtest.WithExchange(os.Rename)
	require.ErrorIs(t, s.Swap(background, revisionIn(t, s), newLogin), persist.ErrConflict)
	require.Equal(t, "new", stored(t, s))
}

// On the weakest system a process is taken for dead once what it left is an hour old.
func TestKillOnTheWeakestSystemLosesNoToken(t *testing.T) {
	toTheWeakest(t)
	t.Run("Login", TestKillInALoginLeavesOneLogin)
	swap := map[string]string{
		"before reserve: create":       "old",
		"before reserve: write":        "old",
		"before reserve: sync":         "old",
		"before reserve probe: create": "old",
		"before reserve: exchange":     "old",
		"before reserve: rename":       "old",
		"before swap: name":            "old",
		"before swap: shorten":         "old",
		"before swap: write":           "old",
		"before swap: sync":            "old, then new",
		"before swap: exchange":        "old, then new",
		"before swap: rename":          "old, then new",
		"before swap: sync folder":     "new",
		"at the end":                   "new",
	}
	require.Equal(t, swap, killEverywhere(t, "refresh", loggedIn(t)))
	require.Equal(t, map[string]string{
		"before delete: remove":      "old",
		"before delete: sync folder": "none",
		"at the end":                 "none",
	}, killEverywhere(t, "delete", loggedIn(t)))
}

// Its doubt is the same, but the next process learns only from the age of the intent that
// the holder has gone.
func TestKillOnTheWeakestSystemLeavesADoubtAtMost(t *testing.T) {
	toTheWeakest(t)
	t.Run("Compaction", TestKillInACompactionLosesNothingNeeded)
	look := func(ledger *Ledger) string { return standing(t, ledger) }
	require.Equal(t, map[string]string{
		"before append: write":  "in doubt, holder unknown",
		"before append: sync":   "spent",
		"before intent: remove": "spent",
		"at the end":            "spent",
	}, crashLedgerEverywhere(t, "rotate", inNothing, look))
}

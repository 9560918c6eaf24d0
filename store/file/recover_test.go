package file

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine/machinetest"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/store/authjson"
	"github.com/bezoar-auth/bezoar/store/disk"
	"github.com/bezoar-auth/bezoar/store/storetest"
	"github.com/bezoar-auth/bezoar/store/system"
	"github.com/bezoar-auth/bezoar/store/system/systemtest"
)

// logIn is what another program does at the most awkward moment. It asks for no lock.
func logIn(t *testing.T, home string, n int) func() {
	return func() { require.NoError(t, rude(home).Replace(background, storetest.TokenSet(n))) }
}

func rude(home string) *Store {
	s := quiet(home)
	s.disk.On = systemtest.WithLyingLocks()
	return s
}

func TestConfirmKeepsTheOrderOfLogins(t *testing.T) {
	home := machinetest.Dir(t)
	loggedIn(t)(home)
	back, backs, last := 0, 4, 103
	if !exchanges() {
		backs, last = 0, 100 // the comparison sees it, and there is nothing to put back
	}
	s := Open(home, Options{Disk: disk.Disk{Before: func(step string) {
		switch step {
		case "swap: exchange":
			logIn(t, home, 100)()
		case "swap: exchange back":
			if back++; back < 4 {
				logIn(t, home, 100+back)()
			}
		}
	}}})
	require.ErrorIs(t, s.Swap(background, revisionIn(t, s), newLogin), persist.ErrConflict)
	require.Equal(t, backs, back)
	record, err := s.Load(background)
	require.NoError(t, err)
	require.True(t, record.Credential.Equal(storetest.TokenSet(last)), "the last one came last")
	requireNoLitter(t, home, authFile, commitFile)
}

func TestALogoutWhileALoginIsPutBackStands(t *testing.T) {
	last := "swap: exchange back"
	if !exchanges() {
		last = "swap: rename"
	}
	for _, step := range []string{"swap: exchange", last} {
		home := machinetest.Dir(t)
		loggedIn(t)(home)
		s := Open(home, Options{Disk: disk.Disk{Before: func(at string) {
			if at == "swap: exchange" {
				logIn(t, home, 100)()
			}
			if at == step {
				require.NoError(t, os.Remove(filepath.Join(home, authFile)))
			}
		}}})
		require.ErrorIs(t, s.Swap(background, revisionIn(t, s), newLogin), persist.ErrConflict)
		require.Equal(t, "none", stored(t, s))
		requireNoLitter(t, home, commitFile)
	}
}

func TestSwapKeepsASecondNameGivenMeanwhile(t *testing.T) {
	home, other, isDone := machinetest.Dir(t), filepath.Join(machinetest.Dir(t), "other"), false
	loggedIn(t)(home)
	s := stepping(home, "swap: exchange", func() {
		if !isDone {
			isDone = true
			require.NoError(t, os.Link(filepath.Join(home, authFile), other))
		}
	})
	require.NoError(t, s.Swap(background, revisionIn(t, s), newLogin))
	require.Equal(t, "new", stored(t, s))
	first, err := os.Stat(other)
	require.NoError(t, err)
	second, err := os.Stat(filepath.Join(home, authFile))
	require.NoError(t, err)
	require.True(t, os.SameFile(first, second))
}

func TestWithoutAnExchangeASwapStillCompares(t *testing.T) {
	home := machinetest.Dir(t)
	loggedIn(t)(home)
	s := quiet(home)
	s.disk.On = systemtest.Without(system.Exchanges)
	base := revisionIn(t, s)
	require.NoError(t, s.Swap(background, base, newLogin))
	require.Equal(t, "new", stored(t, s))
	require.ErrorIs(t, s.Swap(background, base, newLogin), persist.ErrConflict)

	base = revisionIn(t, s)
	s.disk.Before = func(step string) {
		if step == "swap: sync" {
			logIn(t, home, 333)()
		}
	}
	require.ErrorIs(t, s.Swap(background, base, oldLogin), persist.ErrConflict)
	require.Equal(t, "other", stored(t, s))
	requireNoLitter(t, home, authFile, commitFile)
}

// leave is a temporary file of a swap as the process with this owner left it.
func leave(t *testing.T, home string, of owner) string {
	s := quiet(home)
	s.owner = func() owner { return of }
	where, err := s.find()
	require.NoError(t, err)
	content, err := authjson.Encode(newLogin, nil)
	require.NoError(t, err)
	left, err := s.stage(where, change{verb: "swap", content: content, was: revisionIn(t, s)})
	require.NoError(t, err)
	return left.path
}

func TestTheFilesOfThoseWhoLiveAreLeftAlone(t *testing.T) {
	other := living(t)
	me := thisOwner(system.Here)()
	living := owner{other.Process.Pid, identify(system.Here, other.Process.Pid)}
	living.PIDNamespace = me.PIDNamespace

	home := machinetest.Dir(t)
	loggedIn(t)(home)
	files := []string{leave(t, home, me), leave(t, home, living)}
	s := quiet(home)
	s.now = func() time.Time { return time.Now().Add(1000 * time.Hour) }
	sweepNow(t, s)
	require.NoError(t, s.Delete(background))
	for _, file := range files {
		require.FileExists(t, file, "however long it takes them")
	}

	other.Process.Kill()
	other.Wait()
	sweepNow(t, s)
	require.FileExists(t, files[0])
	require.NoFileExists(t, files[1])
	require.Equal(t, "none", stored(t, s), "what is left of a refresh does not undo a logout")
}

func TestSweepLeavesFilesOfUnknownProcessesForAnHour(t *testing.T) {
	home := machinetest.Dir(t)
	loggedIn(t)(home)
	file := leave(t, home, owner{1, process{Started: "1", PIDNamespace: "another"}})
	dated := time.Now().Add(-24 * time.Hour) // as what it was exchanged for may be, a moment ago
	require.NoError(t, os.Chtimes(file, dated, dated))
	s := quiet(home)
	s.now = func() time.Time { return time.Now().Add(StagedSpan - time.Minute) }
	sweepNow(t, s)
	require.FileExists(t, file)
	require.Equal(t, "old", stored(t, s))
	s.now = func() time.Time { return time.Now().Add(StagedSpan + time.Minute) }
	sweepNow(t, s)
	require.NoFileExists(t, file)
	require.Equal(t, "new", stored(t, s))
}

func TestFilesOfOtherProgramsAreNotSweptAway(t *testing.T) {
	home := machinetest.Dir(t)
	loggedIn(t)(home)
	names := []string{"auth.json.bak", "auth.json.1.tmp", "auth.json.a-b-c.1.2.3.tmp", "auth.json.1-2.1.2.3.tmp", "config.toml", "auth.json.lock"}
	for _, name := range names {
		require.NoError(t, os.WriteFile(filepath.Join(home, name), nil, 0o600))
	}
	s := quiet(home)
	s.now = func() time.Time { return time.Now().Add(1000 * time.Hour) }
	sweepNow(t, s)
	require.NoError(t, s.Delete(background))
	for _, name := range names {
		require.FileExists(t, filepath.Join(home, name))
	}
}

func TestOneOfManySweepsEndsAWrite(t *testing.T) {
	home := machinetest.Dir(t)
	loggedIn(t)(home)
	dead := living(t)
	require.NoError(t, dead.Process.Kill())
	dead.Wait()
	gone := owner{dead.Process.Pid, process{Started: "1", PIDNamespace: thisOwner(system.Here)().PIDNamespace}}
	for range 20 {
		loggedIn(t)(home)
		leave(t, home, gone)
		done := make(chan bool)
		for range 4 {
			go func() {
				sweepNow(t, quiet(home))
				done <- true
			}()
		}
		for range 4 {
			<-done
		}
		require.Equal(t, "new", stored(t, quiet(home)))
		requireNoLitter(t, home, authFile, commitFile)
	}
}

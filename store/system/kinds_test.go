package system_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/store/system"
	"github.com/bezoar-auth/bezoar/store/system/systemtest"
)

// kept are the promises that a system is seen to keep.
func kept(t *testing.T, on system.System) (all []system.Promise) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	require.NoError(t, os.Link(path, path+".other"))
	info, err := os.Stat(path)
	require.NoError(t, err)
	lock := on.NewLock(path + ".lock")
	defer lock.Close()
	locked, _ := lock.TryLock()
	started, _ := on.Started(os.Getpid())
	missing := filepath.Join("no such folder", "file") // whatever the disk of this test can
	for promise, isKept := range map[system.Promise]bool{
		system.Exchanges:      !errors.Is(on.Exchange(missing, missing), errors.ErrUnsupported),
		system.KnowsProcesses: started != "" && on.PIDNamespace() != "",
		system.HasLocks:       locked,
		system.CountsNames:    on.Names(path, info) == 2,
	} {
		if isKept {
			all = append(all, promise)
		}
	}
	return all
}

// STATES.md says by the table of kinds what a death leaves.
func TestThisSystemKeepsWhatItsKindDoes(t *testing.T) {
	kind := system.KindHere()
	require.Equal(t, runtime.GOOS, kind.GOOS)
	all := slices.DeleteFunc(system.Promises(), func(p system.Promise) bool { return !kind.Keeps(p) })
	require.ElementsMatch(t, all, kept(t, system.Here))
}

func TestAWeakerSystemLacksWhatItIsMadeWithout(t *testing.T) {
	here := kept(t, system.Here)
	for _, lack := range system.Promises() {
		rest := slices.DeleteFunc(slices.Clone(here), func(p system.Promise) bool { return p == lack })
		require.ElementsMatch(t, rest, kept(t, systemtest.Without(lack)), lack)
	}
	require.Empty(t, kept(t, systemtest.Weakest()))
}

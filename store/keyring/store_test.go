package keyring

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine/machinetest"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/store/accountjson"
	"github.com/bezoar-auth/bezoar/store/disk"
	"github.com/bezoar-auth/bezoar/store/file"
	"github.com/bezoar-auth/bezoar/store/storetest"
)

// site is a home and a keyring. A keyring has no stamps.
type site struct {
	t       *testing.T
	home    string
	options Options
}

func (s *site) MayNotStamp() {}

func (s *site) Open() persist.Store { return Open(s.home, s.options) }

func (s *site) Write(document []byte) {
	place := Open(s.home, s.options).item()
	require.NoError(s.t, place.ring.Set(place.service, place.account, string(document)))
}

func (s *site) Read() []byte {
	opened := Open(s.home, s.options)
	found, err := opened.read(opened.item())
	require.NoError(s.t, err)
	return found.content
}

func TestStoreKeepsTheContract(t *testing.T) {
	for name, limitBytes := range map[string]int{"InTheKeyring": 0, "Sealed": sealAll, "SealedIfLong": 400} {
		t.Run(name, func(t *testing.T) {
			storetest.RunStore(t, func(t *testing.T) storetest.StoreSite {
				made := &site{t: t, home: machinetest.Dir(t), options: Options{Ring: new(vault), Patience: patience, LimitBytes: limitBytes}}
				t.Cleanup(func() {
					require.LessOrEqual(t, len(sealedFiles(t, made.home)), 1)
					require.NoFileExists(t, filepath.Join(made.home, authFile))
				})
				return made
			})
		})
	}
}

// accountSite is the home of an account, and a keyring.
type accountSite struct{ site }

func (accountSite) KeepsAccounts() {}

func TestStoreOfAnAccountKeepsTheContract(t *testing.T) {
	for name, limitBytes := range map[string]int{"InTheKeyring": 0, "SealedIfLong": 400} {
		t.Run(name, func(t *testing.T) {
			storetest.RunStore(t, func(t *testing.T) storetest.StoreSite {
				ring := new(vault)
				t.Cleanup(func() {
					for key := range ring.items {
						require.Regexp(t, `^bezoar/cli\|[0-9a-f]{16}( room)?$`, key)
					}
				})
				options := Options{Format: accountjson.Format, Ring: ring, Patience: patience, LimitBytes: limitBytes}
				return &accountSite{site{t: t, home: machinetest.Dir(t), options: options}}
			})
		})
	}
}

func TestServiceAccountAndValueAreTheReferences(t *testing.T) {
	ring := new(vault)
	s := openQuiet(machinetest.Dir(t), ring, 0)
	require.NoError(t, s.Replace(background, storetest.Key(1)))
	for key := range ring.items {
		require.Regexp(t, `^Codex Auth/cli\|[0-9a-f]{16}$`, key)
	}
	if runtime.GOOS != "windows" { // there Codex has other names
		require.Equal(t, "cli|876c0850ac67740e", openQuiet("/nonexistent/home", ring, 0).item().account)
	}
	value, err := s.item().get()
	require.NoError(t, err)
	require.JSONEq(t, `{"auth_mode":"apikey","OPENAI_API_KEY":"sk-1"}`, value)
	require.NotContains(t, value, "\n")
}

func TestALoginAndALogoutRemoveTheFile(t *testing.T) {
	for _, keep := range []bool{false, true} {
		home := machinetest.Dir(t)
		path := filepath.Join(home, authFile)
		write := func() { require.NoError(t, os.WriteFile(path, []byte("{}"), 0o600)) }
		ring := new(vault)
		s := Open(home, Options{Ring: ring, Patience: patience, KeepFile: keep})
		requireGone := func() {
			t.Helper()
			_, err := os.Stat(path)
			require.Equal(t, keep, err == nil)
		}
		write()
		require.NoError(t, s.Replace(background, oldLogin))
		requireGone()
		write()
		require.NoError(t, s.Swap(background, revisionIn(t, s), newLogin))
		requireGone()
		write()
		require.NoError(t, s.Delete(background))
		requireGone()

		write()
		ring.before = whenAsked(errLocked, "set", "delete")
		require.Error(t, s.Replace(background, oldLogin))
		require.Error(t, s.Delete(background))
		require.FileExists(t, path, "what the keyring has not got may be the only one")
	}
}

func TestAFolderInPlaceOfTheFileIsLeftAlone(t *testing.T) {
	home := machinetest.Dir(t)
	require.NoError(t, os.Mkdir(filepath.Join(home, authFile), 0o700))
	s := openQuiet(home, new(vault), 0)
	require.NoError(t, s.Replace(background, newLogin))
	require.Equal(t, "new", stored(t, s))
	require.DirExists(t, filepath.Join(home, authFile))
}

func TestAHomeThatIsMissingIsSaidToBe(t *testing.T) {
	home := filepath.Join(machinetest.Dir(t), "missing")
	ring := new(vault)
	s := openQuiet(home, ring, sealAll)
	for _, err := range []error{s.Replace(background, newLogin), reserve(background, s, newLogin), s.Swap(background, "", newLogin)} {
		undurable := new(persist.NotDurableError)
		require.ErrorAs(t, err, &undurable)
		require.ErrorContains(t, err, home+" does not exist")
	}
	require.NoError(t, s.Delete(background))
	require.Equal(t, "none", stored(t, s))
	require.NoDirExists(t, home)
	require.Empty(t, ring.items)
}

func TestALogoutLeavesNoOlderItem(t *testing.T) {
	home, ring := machinetest.Dir(t), new(vault)
	s := openQuiet(home, ring, 0)
	require.NoError(t, s.Replace(background, newLogin))
	for key := range ring.items {
		ring.items[key] = append(ring.items[key], ring.items[key][0], ring.items[key][0])
	}
	require.NoError(t, s.Delete(background))
	require.Equal(t, "none", stored(t, s))
}

func TestKeyringThatLiesIsFoundOut(t *testing.T) {
	home, ring := machinetest.Dir(t), new(vault)
	s := openQuiet(home, stubborn{ring}, 0)
	require.ErrorContains(t, s.Replace(background, newLogin), "does not give back")
	require.NoError(t, ring.Set(service, s.item().account, "{}"))
	requireUnavailable(t, s.Delete(background), "does not forget")
	require.ErrorContains(t, s.Replace(background, newLogin), "does not give back")
}

// stubborn is a keyring that says yes and does nothing.
type stubborn struct{ *vault }

func (stubborn) Set(_, _, _ string) error { return nil }
func (stubborn) Delete(_, _ string) error { return nil }

func TestBothBackendsOfOneHomeHaveOneLock(t *testing.T) {
	home := machinetest.Dir(t)
	inKeyring, inFile := openQuiet(home, new(vault), 0), file.Open(home, file.Options{})
	for _, order := range [][2]persist.Store{{inKeyring, inFile}, {inFile, inKeyring}} {
		unlock, err := order[0].Lock(background)
		require.NoError(t, err)
		limited, cancel := contextWithin(20 * time.Millisecond)
		_, err = order[1].Lock(limited)
		require.ErrorIs(t, err, limited.Err())
		cancel()
		unlock()
		unlock, err = order[1].Lock(background)
		require.NoError(t, err)
		unlock()
	}
}

func TestAReservationNeedsTheKeyringAndRoom(t *testing.T) {
	ring := new(vault)
	home := machinetest.Dir(t)
	s := openQuiet(home, ring, sealAll)
	require.NoError(t, reserve(background, s, oldLogin))
	require.Empty(t, sealedFiles(t, home))
	ring.before = whenAsked(errLocked, "get")
	requireUnavailable(t, reserve(background, s, oldLogin), "failed to unlock")

	steps := []string{}
	watched := Open(home, Options{Ring: new(vault), Patience: patience, LimitBytes: sealAll, Disk: disk.Disk{Before: func(step string) { steps = append(steps, step) }}})
	require.NoError(t, reserve(background, watched, oldLogin))
	require.Contains(t, steps, "reserve: sync")
	gone := Open(home, Options{Ring: new(vault), Patience: patience, LimitBytes: sealAll, Disk: disk.Disk{Before: func(step string) {
		if step == "reserve: create" {
			require.NoError(t, os.RemoveAll(home))
		}
	}}})
	undurable := new(persist.NotDurableError)
	require.ErrorAs(t, reserve(background, gone, oldLogin), &undurable)
}

// A login that auth.json has no place for is the caller's fault alone.
func TestALoginThatIsRefusedLeavesTheOldOne(t *testing.T) {
	s := openQuiet(machinetest.Dir(t), new(vault), 0)
	require.NoError(t, s.Replace(background, oldLogin))
	unfit := newLogin
	unfit.PlanType = "pro"
	for _, err := range []error{s.Replace(background, unfit), s.Swap(background, revisionIn(t, s), unfit)} {
		require.Error(t, err)
		undurable := new(persist.NotDurableError)
		require.NotErrorAs(t, err, &undurable)
	}
	require.Equal(t, "old", stored(t, s))
}

func TestLongLoginsAreSealedForTheirOwnerAlone(t *testing.T) {
	home, ring := machinetest.Dir(t), new(vault)
	s := openQuiet(home, ring, sealAll)
	require.NoError(t, s.Replace(background, newLogin))
	files := sealedFiles(t, home)
	require.Len(t, files, 1)
	info, err := os.Stat(files[0])
	require.NoError(t, err)
	if runtime.GOOS != "windows" { // there an access list says it, and store/system has the test
		require.Equal(t, os.FileMode(0o600), info.Mode())
	}
	value, err := s.item().get()
	require.NoError(t, err)
	for _, each := range []string{value, string(must(os.ReadFile(files[0])))} {
		require.False(t, strings.Contains(each, "refresh") || strings.Contains(each, "access"), "a token can be read")
	}
	require.LessOrEqual(t, len(value), 200)
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

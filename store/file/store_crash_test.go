package file

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/machinetest"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/store/authjson"
	"github.com/bezoar-auth/bezoar/store/disk"
	"github.com/bezoar-auth/bezoar/store/storetest"
)

var (
	oldLogin   = storetest.TokenSet(1)
	newLogin   = storetest.TokenSet(22)
	otherLogin = storetest.TokenSet(333) // of a login that comes in between
)

// writes are what a process may be doing when it dies.
var writes = map[string]func(s *Store) error{
	"replace": func(s *Store) error { return s.Replace(background, newLogin) },
	"swap": func(s *Store) error {
		record, err := s.Load(background)
		if err != nil {
			return err
		}
		return s.Swap(background, record.Revision, newLogin)
	},
	"reserve": func(s *Store) error { return reserve(s, oldLogin) },
	"refresh": func(s *Store) error { // a reservation and a swap into it
		record, err := s.Load(background)
		if err != nil {
			return err
		}
		release, err := s.Reserve(background, record.Credential)
		if err != nil {
			return err
		}
		defer release()
		return s.Swap(background, record.Revision, newLogin)
	},
	"delete": func(s *Store) error { return s.Delete(background) },
}

func init() {
	for name, write := range writes {
		deeds[name] = func(home string, step func(string), arm func()) error {
			_, intruded := os.LookupEnv(intruderVariable)
			s := Open(home, Options{Disk: disk.Disk{Before: func(name string) {
				step(name)
				if name == "swap: exchange" && intruded {
					_ = rude(home).Replace(background, otherLogin)
				}
			}}})
			arm()
			err := write(s)
			switch {
			case !intruded:
				return err
			case errors.Is(err, persist.ErrConflict):
				return nil
			}
			return fmt.Errorf("the other login is no conflict: %w", err)
		}
	}
}

const intruderVariable = "BEZOAR_TEST_STORE_INTRUDER" // set if another login comes just before an exchange

// killEverywhere returns what was stored after each crash, and what was once another
// process had taken the lock, by the place of the death.
func killEverywhere(t *testing.T, what string, prepare func(home string), environment ...string) map[string]string {
	t.Helper()
	places := map[string]bool{}
	return crashEverywhere(t, what, prepare, func(place, home string) string {
		require.False(t, places[place], "each step has a name of its own")
		places[place] = true
		return aftermath(t, home)
	}, environment...)
}

func aftermath(t *testing.T, home string) string {
	s := quiet(home)
	if onTheWeakest() { // where the age of a file alone says that its process has died
		s.now = func() time.Time { return time.Now().Add(2 * StagedSpan) }
	}
	before := stored(t, s)
	unlock, err := s.Lock(background)
	require.NoError(t, err)
	unlock()
	requireNoLitter(t, home, authFile, lockFile, commitFile, "other name")
	if after := stored(t, s); after != before {
		return before + ", then " + after
	}
	return before
}

// stored says which login a store has.
func stored(t *testing.T, s *Store) string {
	record, err := s.Load(background)
	for name, login := range map[string]machine.Credential{"old": oldLogin, "new": newLogin, "other": otherLogin} {
		if record.Credential.Equal(login) {
			return name
		}
	}
	require.ErrorIs(t, err, persist.ErrNotFound)
	return "none"
}

func loggedIn(t *testing.T) func(home string) {
	return func(home string) { require.NoError(t, Open(home, Options{}).Replace(background, oldLogin)) }
}

// shared is a login in a file with two names.
func shared(t *testing.T) func(home string) {
	return func(home string) {
		loggedIn(t)(home)
		require.NoError(t, os.Link(filepath.Join(home, authFile), filepath.Join(home, "other name")))
	}
}

func TestKillInALoginLeavesOneLogin(t *testing.T) {
	afterwards := func(old string) map[string]string {
		return map[string]string{
			"before replace: create":      old,
			"before replace: write":       old,
			"before replace: sync":        old,
			"before replace: rename":      old,
			"before replace: sync folder": "new",
			"at the end":                  "new",
		}
	}
	require.Equal(t, afterwards("none"), killEverywhere(t, "replace", func(string) {}))
	require.Equal(t, afterwards("old"), killEverywhere(t, "replace", loggedIn(t)))
}

func TestKillInARefreshLosesNoToken(t *testing.T) {
	require.Equal(t, asHere(map[string]string{
		"before swap: create":      "old",
		"before swap: write":       "old",
		"before swap: sync":        "old, then new",
		"before swap: exchange":    "old, then new",
		"before swap: remove":      "new",
		"before swap: sync folder": "new",
		"at the end":               "new",
	}), killEverywhere(t, "swap", loggedIn(t)))
}

// The room that is held from before the post becomes the new login, and from the
// moment in which it holds all of it the login is not lost.
func TestKillInASwapIntoTheRoomLosesNoToken(t *testing.T) {
	swap := map[string]string{
		"before reserve: create":       "old",
		"before reserve: write":        "old",
		"before reserve: sync":         "old",
		"before reserve probe: create": "old",
		"before reserve: exchange":     "old",
		"before reserve probe: remove": "old",
		"before swap: name":            "old",
		"before swap: shorten":         "old",
		"before swap: write":           "old",
		"before swap: sync":            "old, then new",
		"before swap: exchange":        "old, then new",
		"before swap: remove":          "new",
		"before swap: sync folder":     "new",
		"at the end":                   "new",
	}
	require.Equal(t, asHere(maps.Clone(swap)), killEverywhere(t, "refresh", loggedIn(t)))
	for _, each := range []string{"before reserve probe: create", "before reserve: exchange", "before reserve probe: remove", "before swap: exchange"} {
		delete(swap, each) // a file with two names takes nothing's place
	}
	swap["before swap: sync folder first"], swap["before swap: truncate"] = "old, then new", "old, then new"
	swap["before swap: write in place"], swap["before swap: sync in place"] = "new", "new"
	require.Equal(t, swap, killEverywhere(t, "refresh", shared(t)))
}

// Without a lock, one process may look while another is about to finish for a
// dead one.
func TestALoginBesideTheOneInPlaceStopsThePost(t *testing.T) {
	home := machinetest.Dir(t)
	loggedIn(t)(home)
	dying := Open(home, Options{})
	where, err := dying.find()
	require.NoError(t, err)
	content, err := authjson.Encode(newLogin, nil)
	require.NoError(t, err)
	staged, err := dying.stage(where, change{verb: "swap", content: content, was: revisionIn(t, dying)})
	require.NoError(t, err)

	require.ErrorIs(t, reserve(quiet(home), oldLogin), persist.ErrConflict)
	dying.discard(staged)
	require.NoError(t, reserve(quiet(home), oldLogin))
}

func TestKillInARefreshLosesNoOtherLogin(t *testing.T) {
	require.Equal(t, asHere(map[string]string{
		"before swap: create":        "old",
		"before swap: write":         "old",
		"before swap: sync":          "old, then new", // no process came yet
		"before swap: exchange":      "old, then new",
		"before swap: exchange back": "new, then other",
		"before swap: remove":        "other",
		"at the end":                 "other",
	}), killEverywhere(t, "swap", loggedIn(t), intruderVariable+"=1"))
}

func TestKillInAWriteInPlaceLeavesOneLogin(t *testing.T) {
	require.Equal(t, map[string]string{
		"before replace: create":            "old",
		"before replace: write":             "old",
		"before replace: sync":              "old",
		"before replace: sync folder first": "old",
		"before replace: truncate":          "old",
		"before replace: write in place":    "new",
		"before replace: sync in place":     "new",
		"before replace: remove":            "new",
		"before replace: sync folder":       "new",
		"at the end":                        "new",
	}, killEverywhere(t, "replace", shared(t)))
	require.Equal(t, map[string]string{
		"before swap: create":            "old",
		"before swap: write":             "old",
		"before swap: sync":              "old, then new",
		"before swap: sync folder first": "old, then new",
		"before swap: truncate":          "old, then new",
		"before swap: write in place":    "new",
		"before swap: sync in place":     "new",
		"before swap: remove":            "new",
		"before swap: sync folder":       "new",
		"at the end":                     "new",
	}, killEverywhere(t, "swap", shared(t)))
}

func TestKillInAReservationOrLogoutLeavesNoLitter(t *testing.T) {
	require.Equal(t, asHere(map[string]string{
		"before reserve: create":       "old",
		"before reserve: write":        "old",
		"before reserve: sync":         "old",
		"before reserve probe: create": "old",
		"before reserve: exchange":     "old",
		"before reserve probe: remove": "old",
		"before reserve: remove":       "old",
		"at the end":                   "old",
	}), killEverywhere(t, "reserve", loggedIn(t)))
	require.Equal(t, map[string]string{
		"before delete: remove":      "old",
		"before delete: sync folder": "none",
		"at the end":                 "none",
	}, killEverywhere(t, "delete", loggedIn(t)))
	require.Equal(t, map[string]string{
		"before delete: truncate":       "old",
		"before delete: write in place": "none",
		"before delete: sync in place":  "none",
		"at the end":                    "none",
	}, killEverywhere(t, "delete", shared(t)))
}

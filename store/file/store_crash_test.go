package file

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/machinetest"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/store/authjson"
	"github.com/bezoar-auth/bezoar/store/storetest"
)

// As in ledger_crash_test.go, a crash is a process that kills itself before the
// system call that it was told.

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

const (
	killVariable     = "BEZOAR_TEST_STORE_KILL"     // what, after how many steps, in which folder
	intruderVariable = "BEZOAR_TEST_STORE_INTRUDER" // set if there is a login just before an exchange
)

// TestStoreKills is the process that dies. Without an order it does nothing.
func TestStoreKills(t *testing.T) {
	order, ok := os.LookupEnv(killVariable)
	if !ok {
		return
	}
	fields := strings.SplitN(order, ",", 3)
	left, err := strconv.Atoi(fields[1])
	require.NoError(t, err)
	_, isIntruded := os.LookupEnv(intruderVariable)
	s := Open(fields[2], Options{Step: func(step string) {
		if left--; left < 0 {
			os.Stdout.WriteString("died before " + step + "\n")
			self, _ := os.FindProcess(os.Getpid())
			self.Kill()
			select {}
		}
		if step == "swap: exchange" && isIntruded {
			require.NoError(t, Open(fields[2], Options{}).Replace(background, otherLogin))
		}
	}})
	err = writes[fields[0]](s)
	if isIntruded {
		require.ErrorIs(t, err, persist.ErrConflict)
	} else {
		require.NoError(t, err)
	}
	os.Stdout.WriteString("died at the end\n")
	os.Exit(0)
}

// killEverywhere runs what in one process after the other, each of which dies
// one system call later. It returns what was stored then, and what was once
// another process had taken the lock, by the place of the death.
func killEverywhere(t *testing.T, what string, prepare func(home string), environment ...string) map[string]string {
	t.Helper()
	outcomes := map[string]string{}
	for steps := 0; ; steps++ {
		home := machinetest.Dir(t)
		prepare(home)
		child := exec.Command(os.Args[0], "-test.run=^TestStoreKills$")
		child.Env = append(os.Environ(), killVariable+"="+what+","+strconv.Itoa(steps)+","+home)
		child.Env = append(child.Env, environment...)
		output, _ := child.Output()
		place, found := strings.CutPrefix(strings.SplitN(string(output), "\n", 2)[0], "died ")
		require.True(t, found, string(output))
		require.NotContains(t, outcomes, place, "each step has a name of its own")
		outcomes[place] = aftermath(t, home)
		if place == "at the end" {
			return outcomes
		}
	}
}

func aftermath(t *testing.T, home string) string {
	s := quiet(home)
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

func TestAKillInALoginLeavesTheOldOneOrTheNewOne(t *testing.T) {
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

func TestAKillInARefreshLosesNoTokenThatIsWritten(t *testing.T) {
	require.Equal(t, map[string]string{
		"before swap: create":      "old",
		"before swap: write":       "old",
		"before swap: sync":        "old, then new",
		"before swap: exchange":    "old, then new",
		"before swap: remove":      "new",
		"before swap: sync folder": "new",
		"at the end":               "new",
	}, killEverywhere(t, "swap", loggedIn(t)))
}

// The room that is held from before the post becomes the new login, and from the
// moment in which it holds all of it the login is not lost.
func TestAKillInASwapIntoTheRoomLosesNoTokenThatIsWritten(t *testing.T) {
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
	require.Equal(t, swap, killEverywhere(t, "refresh", loggedIn(t)))
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

func TestAKillInARefreshLosesNoLoginThatCameInBetween(t *testing.T) {
	require.Equal(t, map[string]string{
		"before swap: create":        "old",
		"before swap: write":         "old",
		"before swap: sync":          "old, then new", // no process came yet
		"before swap: exchange":      "old, then new",
		"before swap: exchange back": "new, then other",
		"before swap: remove":        "other",
		"at the end":                 "other",
	}, killEverywhere(t, "swap", loggedIn(t), intruderVariable+"=1"))
}

func TestAKillInAWriteInPlaceLeavesTheOldLoginOrTheNewOne(t *testing.T) {
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

func TestAKillInAReservationOrALogoutLeavesNothingElse(t *testing.T) {
	require.Equal(t, map[string]string{
		"before reserve: create":       "old",
		"before reserve: write":        "old",
		"before reserve: sync":         "old",
		"before reserve probe: create": "old",
		"before reserve: exchange":     "old",
		"before reserve probe: remove": "old",
		"before reserve: remove":       "old",
		"at the end":                   "old",
	}, killEverywhere(t, "reserve", loggedIn(t)))
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

package keyring

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine/machinetest"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/store/disk"
)

// A crash is a goroutine that ends before the step that the test named, with the
// keyring and the home as they are: no code of this package cleans up on its
// way out, but locks are freed, as the system frees those of a process that dies.

var writes = map[string]func(s *Store) error{
	"replace": func(s *Store) error { return s.Replace(background, newLogin) },
	"swap": func(s *Store) error {
		record, err := s.Load(background)
		if err != nil {
			return err
		}
		return s.Swap(background, record.Revision, newLogin)
	},
	"reserve": func(s *Store) error { return reserve(background, s, oldLogin) },
	"delete":  func(s *Store) error { return s.Delete(background) },
}

// crashEverywhere does what again and again, and crashes one step later each
// time. It returns which login was stored then, by the place of the crash.
func crashEverywhere(t *testing.T, what string, limitBytes int) map[string]string {
	t.Helper()
	outcomes := map[string]string{}
	for steps := 0; ; steps++ {
		home, ring := machinetest.Dir(t), new(vault)
		require.NoError(t, openQuiet(home, ring, limitBytes).Replace(background, oldLogin))
		require.NoError(t, os.WriteFile(filepath.Join(home, authFile), []byte(`{"OPENAI_API_KEY": "of before"}`), 0o600))
		left, place := steps, "at the end"
		s := Open(home, Options{Ring: ring, Patience: patience, LimitBytes: limitBytes, Log: slog.New(slog.DiscardHandler), Disk: disk.Disk{Before: func(step string) {
			if left--; left < 0 {
				place = "before " + step
				runtime.Goexit()
			}
		}}})
		err := writes[what](s)
		require.Equal(t, place != "at the end", err != nil)
		outcomes[place] = aftermath(t, home, ring, limitBytes)
		if place == "at the end" {
			return outcomes
		}
	}
}

// aftermath also checks that the next login finds nothing in its way.
func aftermath(t *testing.T, home string, ring *vault, limitBytes int) string {
	next := openQuiet(home, ring, limitBytes)
	found := stored(t, next)
	require.NoError(t, next.Replace(background, newLogin))
	require.Equal(t, "new", stored(t, next))
	require.NoFileExists(t, filepath.Join(home, authFile))
	want := 0
	if limitBytes == sealAll {
		want = 1
	}
	require.Len(t, sealedFiles(t, home), want)
	return found
}

func TestCrashInAWriteLeavesOneLogin(t *testing.T) {
	for _, what := range []string{"replace", "swap"} {
		require.Equal(t, map[string]string{
			"before lock":         "old",
			"before set":          "old",
			"before tidy: remove": "new",
			"before tidy: sync folder after the removal": "new",
			"at the end": "new",
		}, crashEverywhere(t, what, 0), what)
		require.Equal(t, map[string]string{
			"before lock":                                 "old",
			"before seal: create":                         "old",
			"before seal: write":                          "old",
			"before seal: sync":                           "old",
			"before seal: sync folder of the new file":    "old",
			"before set":                                  "old",
			"before sweep: remove":                        "new",
			"before sweep: sync folder after the removal": "new",
			"before tidy: remove":                         "new",
			"before tidy: sync folder after the removal":  "new",
			"at the end":                                  "new",
		}, crashEverywhere(t, what, sealAll), what)
	}
}

func TestACrashInALogoutOrAReservationLeavesNothingElse(t *testing.T) {
	require.Equal(t, map[string]string{
		"before lock":          "old",
		"before delete":        "old",
		"before sweep: remove": "none",
		"before sweep: sync folder after the removal": "none",
		"before tidy: remove":                         "none",
		"before tidy: sync folder after the removal":  "none",
		"at the end": "none",
	}, crashEverywhere(t, "delete", sealAll))
	for place, found := range crashEverywhere(t, "reserve", sealAll) {
		require.Equal(t, "old", found, place)
	}
}

// A keyring may write and then say that it did not: a bus that is gone before
// its answer. The login it then has must be one that can be opened.
func TestAWriteThatIsSaidToHaveFailedMayHaveTakenPlace(t *testing.T) {
	home, ring := machinetest.Dir(t), new(vault)
	require.NoError(t, openQuiet(home, ring, sealAll).Replace(background, oldLogin))
	s := openQuiet(home, forgetful{ring}, sealAll)
	require.Error(t, s.Replace(background, newLogin))
	require.Equal(t, "new", stored(t, s))
	require.Error(t, s.Swap(background, revisionIn(t, s), oldLogin))
	require.Equal(t, "old", stored(t, s))
	require.Len(t, sealedFiles(t, home), 2, "that of the keyring, and the one before")
}

type forgetful struct{ *vault }

func (f forgetful) Set(service, account, value string) error {
	return errors.Join(f.vault.Set(service, account, value), errors.New("connection closed"))
}

// A reader that has the old pointer looks again when its file is gone.
func TestAReaderIsNotMisledByALoginThatComesInBetween(t *testing.T) {
	home, ring := machinetest.Dir(t), new(vault)
	writer := openQuiet(home, ring, sealAll)
	require.NoError(t, writer.Replace(background, oldLogin))
	s := openQuiet(home, ring, sealAll)
	reads := 0
	found, err := s.readWith(s.item(), func(name string) ([]byte, error) {
		if reads++; reads == 1 {
			require.NoError(t, writer.Replace(background, newLogin))
		}
		return s.readSealed(name)
	})
	require.NoError(t, err)
	require.True(t, found.record.Credential.Equal(newLogin))
	require.Equal(t, 2, reads)

	require.NoError(t, os.Remove(sealedFiles(t, home)[0]))
	_, err = s.Load(background)
	unreadable := new(persist.UnreadableError)
	require.ErrorAs(t, err, &unreadable)
	require.ErrorContains(t, err, "missing")
	require.NoError(t, s.Replace(background, oldLogin))
	require.Equal(t, "old", stored(t, s))
}

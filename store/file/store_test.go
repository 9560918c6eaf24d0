package file

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/machinetest"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/store/accountjson"
	"github.com/bezoar-auth/bezoar/store/disk"
	"github.com/bezoar-auth/bezoar/store/record"
	"github.com/bezoar-auth/bezoar/store/storetest"
	"github.com/bezoar-auth/bezoar/store/system/systemtest"
)

// storeSite is a home, and auth.json in it in some form.
type storeSite struct {
	t      *testing.T
	home   string
	format record.Format // the zero Format is that of auth.json
}

func (s *storeSite) Open() persist.Store { return Open(s.home, Options{Format: s.format}) }

func (s *storeSite) path() string { return Open(s.home, Options{Format: s.format}).path() }

func (s *storeSite) Write(document []byte) {
	require.NoError(s.t, os.WriteFile(s.path(), document, 0o600))
}

func (s *storeSite) Read() []byte {
	document, err := os.ReadFile(s.path())
	require.NoError(s.t, err)
	return document
}

func TestStoreKeepsTheContract(t *testing.T) {
	storetest.RunStore(t, func(t *testing.T) storetest.StoreSite {
		return &storeSite{t: t, home: machinetest.Dir(t)}
	})
}

// accountSite is the home of an account.
type accountSite struct{ storeSite }

func (accountSite) KeepsAccounts() {}

func TestStoreOfAnAccountKeepsTheContract(t *testing.T) {
	storetest.RunStore(t, func(t *testing.T) storetest.StoreSite {
		site := &accountSite{storeSite{t: t, home: machinetest.Dir(t), format: accountjson.Format}}
		t.Cleanup(func() {
			requireNoLitter(t, site.home, "login.json", "login.json.lock", lockFile, "login.json.unreadable", "login.json.unreadable.2")
		})
		return site
	})
}

// What a newer version stored is left to that version: no refresh takes its place, and what
// it staged is not swept away. A login takes its place and keeps a copy.
func TestWhatANewerVersionStoredIsLeftToIt(t *testing.T) {
	home := machinetest.Dir(t)
	newer := []byte(`{"version": 2, "access_token": "S3NT1NEL"}`)
	later := func() time.Time { return time.Now().Add(2 * StagedSpan) }
	s := Open(home, Options{Format: accountjson.Format, Log: slog.New(slog.DiscardHandler), Now: later})
	require.NoError(t, os.WriteFile(s.path(), newer, 0o600))
	staged := s.path() + ".1-2-3.4.5.6.tmp"
	require.NoError(t, os.WriteFile(staged, newer, 0o600))

	_, err := s.Load(background)
	problem := new(persist.UnreadableError)
	require.ErrorAs(t, err, &problem)
	require.True(t, problem.IsNewer)
	require.ErrorIs(t, s.Swap(background, revisionOf(newer), storetest.AccountTokens(1)), persist.ErrConflict)
	unlock, err := s.Lock(background)
	require.NoError(t, err)
	unlock()
	require.FileExists(t, staged)

	require.NoError(t, s.Replace(background, storetest.AccountTokens(1)))
	kept, err := os.ReadFile(s.path() + ".unreadable")
	require.NoError(t, err)
	require.Equal(t, newer, kept)
}

const (
	authFile   = "auth.json"
	asideFile  = authFile + ".unreadable"
	lockFile   = disk.LockFile
	commitFile = authFile + ".lock"
)

// quiet is a store without a log.
func quiet(home string) *Store {
	return Open(home, Options{Log: slog.New(slog.DiscardHandler)})
}

// stepping is a store that calls do before the named step.
func stepping(home, name string, do func()) *Store {
	return Open(home, Options{Log: slog.New(slog.DiscardHandler), Disk: disk.Disk{Before: func(step string) {
		if step == name {
			do()
		}
	}}})
}

func requireUndurable(t *testing.T, err error, says string) {
	t.Helper()
	undurable := new(persist.NotDurableError)
	require.ErrorAs(t, err, &undurable)
	require.ErrorContains(t, err, says)
}

// reserve holds room for as long as it takes.
func reserve(s *Store, c machine.Credential) error {
	release, err := s.Reserve(background, c)
	if err == nil {
		release()
	}
	return err
}

func revisionIn(t *testing.T, s *Store) persist.Revision {
	t.Helper()
	record, err := s.Load(background)
	require.NoError(t, err)
	return record.Revision
}

// requireNoLitter checks that nothing is in a folder but these.
func requireNoLitter(t *testing.T, folder string, names ...string) {
	t.Helper()
	files, err := os.ReadDir(folder)
	require.NoError(t, err)
	names = append(names, commitFile) // which each write takes
	for _, each := range files {
		require.Contains(t, names, each.Name())
	}
}

func sweepNow(t *testing.T, s *Store) {
	where, err := s.find()
	require.NoError(t, err)
	s.sweep(background, where)
}

// Two saves may come in one tick of the clock, and a disk may give one inode, or none, to both
// files. A write in place keeps the inode anyway.
func TestAStampTellsTwoSavesOfOneLengthAndTimeApart(t *testing.T) {
	for name, prepare := range map[string]func(home string){"a new file": loggedIn(t), "in place": shared(t)} {
		t.Run(name, func(t *testing.T) {
			home, noon := machinetest.Dir(t), time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)
			prepare(home)
			s, seen := quiet(home), map[int64]bool{}
			s.now = func() time.Time { return noon }
			for n := 10; n < 16; n += 2 {
				require.NoError(t, s.Replace(background, storetest.TokenSet(n)))
				seen[modified(t, s)] = true
				require.NoError(t, s.Swap(background, revisionIn(t, s), storetest.TokenSet(n+1)))
				seen[modified(t, s)] = true
			}
			require.Len(t, seen, 6)
		})
	}
}

func modified(t *testing.T, s *Store) int64 {
	t.Helper()
	stamp, known := s.Stamp(background)
	require.True(t, known)
	return stamp.Modified
}

// A file that a broken clock dated is no reason to date all that follow behind it.
func TestADateOfAnotherClockIsNotFollowed(t *testing.T) {
	home := machinetest.Dir(t)
	loggedIn(t)(home)
	future := time.Now().Add(time.Hour)
	require.NoError(t, os.Chtimes(filepath.Join(home, authFile), future, future))
	s := quiet(home)
	require.NoError(t, s.Replace(background, newLogin))
	require.Less(t, modified(t, s), future.Add(-time.Minute).UnixNano())
}

// A new file may get the inode of the one before the last, in the same tick of
// the clock that the system dates files with.
func TestEveryWriteIsDatedExactly(t *testing.T) {
	home, at := machinetest.Dir(t), time.Date(2026, 11, 24, 5, 0, 0, 123456789, time.UTC)
	s := quiet(home)
	const exact = 100 * time.Nanosecond // to which Windows tells the time
	at = at.Truncate(exact)
	s.now = func() time.Time { at = at.Add(exact); return at }
	requireDated := func() {
		t.Helper()
		require.Equal(t, at.UnixNano(), modified(t, s))
	}
	require.NoError(t, s.Replace(background, oldLogin))
	requireDated()
	require.NoError(t, s.Swap(background, revisionIn(t, s), newLogin))
	requireDated()
	release, err := s.Reserve(background, newLogin)
	require.NoError(t, err)
	require.NoError(t, s.Swap(background, revisionIn(t, s), otherLogin))
	requireDated()
	release()
	require.NoError(t, os.Link(filepath.Join(home, authFile), filepath.Join(home, "other name")))
	require.NoError(t, s.Replace(background, oldLogin))
	requireDated()
}

func TestNothingIsReadOrWrittenBeforeThereIsNeed(t *testing.T) {
	home := filepath.Join(machinetest.Dir(t), "not yet")
	s := Open(home, Options{})
	require.NoDirExists(t, home)
	require.Equal(t, "none", stored(t, s))
	_, known := s.Stamp(background)
	require.True(t, known)
	require.NoError(t, s.Delete(background))
	require.NoDirExists(t, home)
}

func TestAHomeThatIsMissingIsSaidToBe(t *testing.T) {
	home := machinetest.Dir(t)
	s := Open(home, Options{})
	require.NoError(t, s.Replace(background, oldLogin))
	require.NoError(t, os.RemoveAll(home))
	says := home + " does not exist"
	requireUndurable(t, s.Replace(background, newLogin), says)
	requireUndurable(t, reserve(s, oldLogin), says)
	_, err := s.Lock(background)
	require.ErrorContains(t, err, says)
	require.NoDirExists(t, home, "it is never made")
}

func TestTheLoginIsForItsOwnerAlone(t *testing.T) {
	home := machinetest.Dir(t)
	require.NoError(t, os.WriteFile(filepath.Join(home, authFile), nil, 0o666))
	s := Open(home, Options{})
	require.NoError(t, s.Replace(background, oldLogin))
	unlock, err := s.Lock(background)
	require.NoError(t, err)
	unlock()
	for _, name := range []string{authFile, lockFile} {
		systemtest.RequireForOwnerAlone(t, filepath.Join(home, name))
	}
}

func TestWhatIsNoLoginIsUnreadableAndNotTold(t *testing.T) {
	large := append(bytes.Repeat([]byte(" "), record.SizeLimitBytes), `{"OPENAI_API_KEY": "S3NT1NEL"}`...)
	for _, content := range []string{`{"OPENAI_API_KEY": "S3NT1NEL"`, "S3NT1NEL", "\x00\x00", string(large)} {
		home := machinetest.Dir(t)
		require.NoError(t, os.WriteFile(filepath.Join(home, authFile), []byte(content), 0o600))
		s, problem := Open(home, Options{}), new(persist.UnreadableError)
		_, err := s.Load(background)
		require.ErrorAs(t, err, &problem)
		require.NotContains(t, err.Error(), "S3NT1NEL")
		require.NoError(t, s.Replace(background, oldLogin))
		require.Equal(t, "old", stored(t, s))
	}
}

func TestAFolderInPlaceOfTheLoginIsLeftAlone(t *testing.T) {
	home := machinetest.Dir(t)
	require.NoError(t, os.Mkdir(filepath.Join(home, authFile), 0o700))
	requireNoPlaceForALogin(t, home, "a folder is in its place")
	require.DirExists(t, filepath.Join(home, authFile))
}

// requireNoPlaceForALogin checks that what is there is neither read nor removed.
func requireNoPlaceForALogin(t *testing.T, home, says string) {
	t.Helper()
	s, problem := Open(home, Options{}), new(persist.UnreadableError)
	_, err := s.Load(background)
	require.ErrorAs(t, err, &problem)
	require.ErrorContains(t, err, says)
	requireUndurable(t, reserve(s, oldLogin), says)
	requireUndurable(t, s.Replace(background, newLogin), says)
	require.NoError(t, s.Delete(background))
	requireNoLitter(t, home, authFile)
}

func TestALoginThatIsRefusedLeavesTheOldOne(t *testing.T) {
	s := Open(machinetest.Dir(t), Options{})
	require.NoError(t, s.Replace(background, oldLogin))
	undatable := newLogin
	undatable.PlanType = "pro" // auth.json has no place for it
	require.Error(t, s.Replace(background, undatable))
	require.Error(t, s.Swap(background, revisionIn(t, s), undatable))
	require.Equal(t, "old", stored(t, s))
	requireNoLitter(t, s.home, authFile, commitFile)
}

func TestAHomeRemovedInTheMiddleOfAWriteIsNoticed(t *testing.T) {
	for _, step := range []string{"replace: create", "replace: rename", "reserve: create"} {
		t.Run(step, func(t *testing.T) {
			if step == "replace: rename" {
				machinetest.SkipUnderWine(t, machinetest.LacksRemoval) // a login without an exchange has a lock by then
			}
			home := machinetest.Dir(t)
			s := stepping(home, step, func() { require.NoError(t, os.RemoveAll(home)) })
			require.NoError(t, quiet(home).Replace(background, oldLogin))
			if step == "reserve: create" {
				requireUndurable(t, reserve(s, oldLogin), "does not exist")
			} else {
				requireUndurable(t, s.Replace(background, newLogin), "")
			}
			require.NoDirExists(t, home)
		})
	}
}

func TestALostLockIsSurvivedAndReportedOnce(t *testing.T) {
	home, log := machinetest.Dir(t), new(bytes.Buffer)
	require.NoError(t, os.Mkdir(filepath.Join(home, lockFile), 0o700)) // cannot be locked
	s := Open(home, Options{Log: slog.New(slog.NewTextHandler(log, nil))})
	for range 3 {
		unlock, err := s.Lock(background)
		require.NoError(t, err)
		ended, cancel := context.WithCancel(background)
		cancel()
		_, err = s.Lock(ended)
		require.ErrorIs(t, err, context.Canceled)
		unlock()
	}
	require.Equal(t, 1, bytes.Count(log.Bytes(), []byte("no lock to be had")))
}

// A login that no program dated was refreshed when its file was written.
func TestALoginWithoutADateIsDatedByItsFile(t *testing.T) {
	home := machinetest.Dir(t)
	loggedIn(t)(home)
	path := filepath.Join(home, authFile)
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	date := oldLogin.LastRefresh.Format(time.RFC3339)
	require.Contains(t, string(content), date)
	require.NoError(t, os.WriteFile(path, bytes.Replace(content, []byte(date), []byte("yesterday"), 1), 0o600))
	written := time.Date(2026, 11, 1, 5, 0, 0, 0, time.UTC)
	require.NoError(t, os.Chtimes(path, time.Time{}, written))
	s := quiet(home)
	record, err := s.Load(background)
	require.NoError(t, err)
	require.True(t, record.Credential.LastRefresh.Equal(written))
	require.NoError(t, s.Swap(background, record.Revision, newLogin))
	require.Equal(t, "new", stored(t, s))
}

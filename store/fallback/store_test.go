package fallback

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	gokeyring "github.com/zalando/go-keyring"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/machinetest"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/store/file"
	"github.com/bezoar-auth/bezoar/store/keyring"
	"github.com/bezoar-auth/bezoar/store/storetest"
)

var (
	background = context.Background()
	oldLogin   = storetest.TokenSet(1)
	newLogin   = storetest.TokenSet(22)
)

// ring is a keyring that can be down.
type ring struct {
	mu     sync.Mutex // guards what follows
	isDown bool
	items  map[string]string
}

var errDown = errors.New("dial unix /nonexistent: connect: no such file or directory")

func (r *ring) do(change func()) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.isDown {
		return errDown
	}
	if r.items == nil {
		r.items = map[string]string{}
	}
	change()
	return nil
}

func (r *ring) Get(service, account string) (value string, err error) {
	isThere := false
	err = r.do(func() { value, isThere = r.items[service+account] })
	if err == nil && !isThere {
		err = gokeyring.ErrNotFound
	}
	return value, err
}

func (r *ring) Set(service, account, value string) error {
	return r.do(func() { r.items[service+account] = value })
}

func (r *ring) Delete(service, account string) error {
	isThere := false
	err := r.do(func() {
		_, isThere = r.items[service+account]
		delete(r.items, service+account)
	})
	if err == nil && !isThere {
		err = gokeyring.ErrNotFound
	}
	return err
}

func (r *ring) set(isDown bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.isDown = isDown
}

var noLog = slog.New(slog.DiscardHandler)

// open is the store of a home as the program puts it together.
func open(home string, r *ring, limitBytes int, options Options) *Store {
	if options.Log == nil {
		options.Log = noLog
	}
	inKeyring := keyring.Open(home, keyring.Options{Ring: r, LimitBytes: limitBytes, KeepFile: true, Log: noLog, Patience: time.Minute})
	return Open(home, inKeyring, file.Open(home, file.Options{Log: noLog}), options)
}

// site is a home and a keyring, which has no stamps.
type site struct {
	t          *testing.T
	home       string
	ring       *ring
	limitBytes int
}

func (s *site) MayNotStamp()        {}
func (s *site) Open() persist.Store { return open(s.home, s.ring, s.limitBytes, Options{}) }

func TestStoreKeepsTheContract(t *testing.T) {
	for name, limitBytes := range map[string]int{"InTheKeyring": 0, "Sealed": 100} {
		t.Run(name, func(t *testing.T) {
			storetest.RunStore(t, func(t *testing.T) storetest.StoreSite {
				made := &site{t: t, home: machinetest.Dir(t), ring: new(ring), limitBytes: limitBytes}
				t.Cleanup(func() { require.NoFileExists(t, filepath.Join(made.home, "auth.json")) })
				return made
			})
		})
	}
}

func TestStoreKeepsTheContractWithoutAKeyring(t *testing.T) {
	storetest.RunStore(t, func(t *testing.T) storetest.StoreSite {
		made := &site{t: t, home: machinetest.Dir(t), ring: &ring{isDown: true}}
		require.NoError(t, made.Open().Delete(background)) // or it would be unknown whether there is a login
		return made
	})
}

// stored says which login a store has.
func stored(t *testing.T, s persist.Store) string {
	t.Helper()
	record, err := s.Load(background)
	unavailable := new(persist.UnavailableError)
	switch {
	case err == nil && record.Credential.Equal(oldLogin):
		return "old"
	case err == nil && record.Credential.Equal(newLogin):
		return "new"
	case errors.As(err, &unavailable):
		return "unknown"
	}
	require.ErrorIs(t, err, persist.ErrNotFound)
	return "none"
}

// newWorld is a home and a keyring, and the store of both.
func newWorld(t *testing.T) (s *Store, r *ring, home string) {
	home, r = machinetest.Dir(t), new(ring)
	return open(home, r, 0, Options{}), r, home
}

func TestAFallbackNeverBringsBackAnOlderLogin(t *testing.T) {
	s, r, home := newWorld(t)
	require.NoError(t, s.Replace(background, oldLogin))
	require.NoFileExists(t, filepath.Join(home, "auth.json"))
	r.set(true)
	require.Equal(t, "unknown", stored(t, s), "an unknown login is not a missing one")
	require.NoError(t, s.Replace(background, newLogin))
	require.Equal(t, "new", stored(t, s))
	r.set(false)
	require.Equal(t, "new", stored(t, s), "the keyring has an older one")
	require.NoError(t, os.Remove(filepath.Join(home, "auth.json")))
	require.Equal(t, "none", stored(t, s), "even if the newer one is removed")
	require.Empty(t, r.items, "and then it is removed")
	require.NoFileExists(t, filepath.Join(home, sourceFile))
}

func TestALogoutThatDoesNotReachTheKeyringStands(t *testing.T) {
	s, r, home := newWorld(t)
	require.NoError(t, s.Replace(background, oldLogin))
	r.set(true)
	require.NoError(t, s.Delete(background))
	require.Equal(t, "none", stored(t, s))
	r.set(false)
	require.NotEmpty(t, r.items)
	require.Equal(t, "none", stored(t, open(home, r, 0, Options{})))
	require.Empty(t, r.items, "the logout is finished when the keyring is back")
	require.NoError(t, s.Replace(background, newLogin))
	require.Equal(t, "new", stored(t, s))
}

func TestTheKeyringIsUsedAgainFromTheNextLoginOn(t *testing.T) {
	s, r, home := newWorld(t)
	r.set(true)
	require.NoError(t, s.Replace(background, oldLogin))
	r.set(false)
	record, err := s.Load(background)
	require.NoError(t, err)
	require.NoError(t, s.Swap(background, record.Revision, newLogin))
	require.Empty(t, r.items, "a refresh does not move a login")
	require.NoError(t, s.Replace(background, oldLogin))
	require.NoFileExists(t, filepath.Join(home, "auth.json"))
	require.NoFileExists(t, filepath.Join(home, sourceFile))
	require.Equal(t, "old", stored(t, s))
	require.Len(t, r.items, 1)
}

// Codex writes auth.json and the keyring and knows nothing of bezoar.
func TestLoginThatCodexStoredIsFound(t *testing.T) {
	s, r, home := newWorld(t)
	reference := keyring.Open(home, keyring.Options{Ring: r, Log: noLog})
	inFile := file.Open(home, file.Options{Log: noLog})
	require.NoError(t, reference.Replace(background, oldLogin))
	require.Equal(t, "old", stored(t, s))
	require.NoError(t, inFile.Replace(background, newLogin))
	require.Equal(t, "new", stored(t, s), "it fell back to the file")

	r.set(true)
	require.NoError(t, s.Delete(background))
	require.Equal(t, "none", stored(t, s))
	r.set(false)
	later := newLogin
	later.LastRefresh = time.Now().Add(time.Minute)
	require.NoError(t, reference.Replace(background, later))
	record, err := s.Load(background)
	require.NoError(t, err)
	require.True(t, record.Credential.Equal(later), "a login of after our logout is no leftover")
	require.NoError(t, s.Swap(background, record.Revision, later))
	require.NoError(t, reserve(background, s, later))
}

func TestAReservationIsMadeWhereTheLoginIs(t *testing.T) {
	s, r, _ := newWorld(t)
	require.NoError(t, s.Replace(background, oldLogin))
	r.set(true)
	undurable, unavailable := new(persist.NotDurableError), new(persist.UnavailableError)
	err := reserve(background, s, oldLogin)
	require.ErrorAs(t, err, &undurable, "a token whose successor has no place must not be spent")
	require.ErrorAs(t, err, &unavailable)
	record := persist.Record{Revision: "any"}
	require.ErrorAs(t, s.Swap(background, record.Revision, newLogin), &unavailable)
	require.NoError(t, s.Replace(background, newLogin))
	require.NoError(t, reserve(background, s, newLogin))
}

func TestALoginThatNeitherPlaceTakesIsAnError(t *testing.T) {
	s, r, home := newWorld(t)
	require.NoError(t, os.Mkdir(filepath.Join(home, "auth.json"), 0o700))
	undurable := new(persist.NotDurableError)
	require.ErrorAs(t, s.Replace(background, newLogin), &undurable, "a folder would hide it")
	r.set(true)
	require.ErrorAs(t, s.Replace(background, newLogin), &undurable)
	require.DirExists(t, filepath.Join(home, "auth.json"))
}

func TestWhoOnlyLooksWritesNothing(t *testing.T) {
	s, r, home := newWorld(t)
	require.NoError(t, s.Replace(background, oldLogin))
	r.set(true)
	require.NoError(t, s.Delete(background)) // the keyring still has the login, and a note says that it is void
	r.set(false)
	names := func() (all []string) {
		files, err := os.ReadDir(home)
		require.NoError(t, err)
		for _, each := range files {
			all = append(all, each.Name())
		}
		return all
	}
	before := names()
	require.Contains(t, before, sourceFile)
	require.Equal(t, "none", stored(t, open(home, r, 0, Options{Look: true})))
	require.Equal(t, before, names())
	require.NotEmpty(t, r.items)
	require.Equal(t, "none", stored(t, s))
	require.NotContains(t, names(), sourceFile)
	require.Empty(t, r.items)
}

func TestANoteThatCannotBeUnderstoodVoidsTheKeyring(t *testing.T) {
	for _, note := range []string{"", "{}", `{"file_since":"S3NT1NEL"}`, "\x00"} {
		s, _, home := newWorld(t)
		require.NoError(t, s.Replace(background, oldLogin))
		require.NoError(t, os.WriteFile(filepath.Join(home, sourceFile), []byte(note), 0o600))
		require.Equal(t, "none", stored(t, s))
	}
	s, _, home := newWorld(t)
	require.NoError(t, s.Replace(background, oldLogin))
	require.NoError(t, os.Mkdir(filepath.Join(home, sourceFile), 0o700))
	require.Equal(t, "unknown", stored(t, s))
}

// Clocks are set back: what was void stays so.
func TestAClockThatIsSetBackBringsNothingBack(t *testing.T) {
	_, r, home := newWorld(t)
	now := time.Now()
	s := open(home, r, 0, Options{Now: func() time.Time { return now }})
	login := oldLogin
	login.LastRefresh = now
	require.NoError(t, s.Replace(background, login))
	now = now.Add(-time.Hour)
	r.set(true)
	require.NoError(t, s.Delete(background))
	r.set(false)
	require.Equal(t, "none", stored(t, s))
}

func TestAStampIsGivenWhileTheLoginIsInTheFile(t *testing.T) {
	s, r, home := newWorld(t)
	requireStamp := func(want bool) {
		t.Helper()
		_, known := s.Stamp(background)
		require.Equal(t, want, known)
	}
	requireStamp(false)
	r.set(true)
	require.NoError(t, s.Replace(background, oldLogin))
	requireStamp(false) // it was not read yet
	require.Equal(t, "old", stored(t, s))
	requireStamp(true)
	r.set(false)
	require.NoError(t, open(home, r, 0, Options{}).Replace(background, newLogin))
	requireStamp(false)
	require.Equal(t, "new", stored(t, s))
	requireStamp(false)
}

func TestNoLogTellsASecret(t *testing.T) {
	var said bytes.Buffer
	r, home := new(ring), machinetest.Dir(t)
	s := open(home, r, 0, Options{Log: slog.New(slog.NewTextHandler(&said, nil))})
	for _, isDown := range []bool{false, true, false} {
		r.set(isDown)
		require.NoError(t, s.Replace(background, newLogin))
		require.NoError(t, s.Delete(background))
		_, err := s.Load(background)
		require.ErrorIs(t, err, persist.ErrNotFound)
		require.ErrorIs(t, s.Swap(background, "base", newLogin), persist.ErrConflict)
	}
	require.NotEmpty(t, said.String())
	for _, token := range []string{"refresh-22", "access-22"} {
		require.NotContains(t, said.String(), token)
	}
}

// What is in auth.json is where the login is, also if it cannot be read: its
// successor must not go to the keyring, where no reader would look before it.
func TestAnUnreadableFileKeepsItsPlaceInEveryCall(t *testing.T) {
	home, r := machinetest.Dir(t), &ring{isDown: true}
	s := open(home, r, 0, Options{})
	require.NoError(t, s.Replace(background, oldLogin))
	record, err := s.Load(background)
	require.NoError(t, err)
	require.NoError(t, os.Remove(s.path(sourceFile)))
	require.NoError(t, os.WriteFile(filepath.Join(home, "auth.json"), []byte("{"), 0o600))
	r.set(false)
	inKeyring, err := s.loginInKeyring(background)
	require.NoError(t, err)
	require.False(t, inKeyring)
	require.Error(t, s.Swap(background, record.Revision, newLogin), "what was read is not there any more")
	require.Empty(t, r.items)
}

// reserve holds room for as long as it takes.
func reserve(ctx context.Context, s *Store, c machine.Credential) error {
	release, err := s.Reserve(ctx, c)
	if err == nil {
		release()
	}
	return err
}

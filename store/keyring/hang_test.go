package keyring

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine/machinetest"
	"github.com/bezoar-auth/bezoar/machine/persist"
)

func contextWithin(limit time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(background, limit)
}

// calls are all methods that ask the keyring.
func calls(s *Store) map[string]func(context.Context) error {
	return map[string]func(context.Context) error{
		"load":    func(ctx context.Context) error { _, err := s.Load(ctx); return err },
		"replace": func(ctx context.Context) error { return s.Replace(ctx, newLogin) },
		"swap":    func(ctx context.Context) error { return s.Swap(ctx, "base", newLogin) },
		"delete":  func(ctx context.Context) error { return s.Delete(ctx) },
		"reserve": func(ctx context.Context) error { return reserve(ctx, s, newLogin) },
	}
}

func TestAKeyringThatIsMissingOrLockedIsUnavailable(t *testing.T) {
	ring := &vault{before: func(string) error { return errLocked }}
	for name, call := range calls(openQuiet(machinetest.Dir(t), ring, 0)) {
		t.Run(name, func(t *testing.T) { requireUnavailable(t, call(background), errLocked.Error()) })
	}
}

func TestALibraryThatBreaksOffIsUnavailable(t *testing.T) {
	for how, breakOff := range map[string]func(string) error{
		"panic": func(string) error { panic("S3NT1NEL") },
		"exit":  func(string) error { runtime.Goexit(); return nil },
	} {
		for name, call := range calls(openQuiet(machinetest.Dir(t), &vault{before: breakOff}, 0)) {
			t.Run(how+" in "+name, func(t *testing.T) {
				requireUnavailable(t, call(background), "broke off")
				requireUnavailable(t, call(background), "broke off")
			})
		}
	}
}

func TestAKeyringThatHangsIsUnavailableWithinTwoSeconds(t *testing.T) {
	for name := range calls(nil) {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				free := make(chan struct{})
				ring := &vault{before: func(string) error { <-free; return nil }}
				s := openImpatient(machinetest.Dir(t), ring, 0)
				start := time.Now()
				requireUnavailable(t, calls(s)[name](background), "does not answer")
				require.LessOrEqual(t, time.Since(start), 2*time.Second)

				start = time.Now()
				goroutines := runtime.NumGoroutine()
				for _, call := range calls(s) {
					for range 20 {
						requireUnavailable(t, call(background), "does not answer")
					}
				}
				require.Zero(t, time.Since(start), "no call waits for what is known to hang")
				require.LessOrEqual(t, runtime.NumGoroutine(), goroutines, "nothing piles up")

				close(free)
				synctest.Wait()
				require.NoError(t, s.Replace(background, newLogin))
				require.Equal(t, "new", stored(t, s), "once it answers again, all is well")
			})
		})
	}
}

func TestCallersBehindAHangingCallWaitTheirOwnTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		free := make(chan struct{})
		s := openImpatient(machinetest.Dir(t), &vault{before: func(string) error { <-free; return nil }}, 0)
		var callers sync.WaitGroup
		for i := range 10 {
			callers.Go(func() {
				time.Sleep(time.Duration(i) * 100 * time.Millisecond)
				start := time.Now()
				_, err := s.Load(background)
				requireUnavailable(t, err, "")
				require.LessOrEqual(t, time.Since(start), 2*time.Second)
			})
		}
		callers.Wait()
		close(free)
	})
}

func TestWhoGoesAwayIsNotTakenForAHangingKeyring(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ring := &vault{before: func(string) error { time.Sleep(time.Second); return nil }}
		s := openImpatient(machinetest.Dir(t), ring, 0)
		ctx, cancel := contextWithin(100 * time.Millisecond)
		defer cancel()
		_, err := s.Load(ctx)
		requireUnavailable(t, err, context.DeadlineExceeded.Error())
		_, err = s.Load(background)
		require.ErrorIs(t, err, persist.ErrNotFound)
	})
}

// The caller of a write that hangs gets an error. It must not take
// place after a later one, of any process: until it has ended, no other begins.
func TestAWriteThatHungDoesNotComeAfterALaterOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		home, free, ring := machinetest.Dir(t), make(chan struct{}), new(vault)
		s, other := openImpatient(home, hanging{ring, free}, sealAll), openImpatient(home, ring, sealAll)
		requireUnavailable(t, s.Replace(background, oldLogin), "does not answer")
		requireUnavailable(t, other.Replace(background, newLogin), "wait for another writer")
		require.Equal(t, "none", stored(t, other))
		close(free)
		synctest.Wait()
		require.NoError(t, other.Replace(background, newLogin))
		synctest.Wait()
		require.Equal(t, "new", stored(t, other))
		require.Len(t, sealedFiles(t, home), 1)
	})
}

// hanging is a keyring whose writes take place, but late.
type hanging struct {
	*vault
	free chan struct{}
}

func (h hanging) Set(service, account, value string) error {
	<-h.free
	return h.vault.Set(service, account, value)
}

func TestAWriteWhoseCallerHasGoneIsNotBegun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		home, free := machinetest.Dir(t), make(chan struct{})
		ring := &vault{before: func(verb string) error { <-free; return nil }}
		s := openImpatient(home, ring, 0)
		requireUnavailable(t, s.Replace(background, newLogin), "does not answer") // it hangs in a get
		close(free)
		synctest.Wait()
		require.Equal(t, "none", stored(t, s))
	})
}

func TestADiskThatCannotLockIsSurvived(t *testing.T) {
	home, log := machinetest.Dir(t), new(bytes.Buffer)
	require.NoError(t, os.Mkdir(filepath.Join(home, commitFile), 0o700)) // cannot be locked
	s := Open(home, Options{Ring: new(vault), LimitBytes: sealAll, Patience: patience, Log: slog.New(slog.NewTextHandler(log, nil))})
	require.NoError(t, s.Replace(background, oldLogin))
	require.NoError(t, s.Swap(background, revisionIn(t, s), newLogin))
	require.Equal(t, "new", stored(t, s))
	require.Contains(t, log.String(), "no lock to be had")
	require.Len(t, sealedFiles(t, home), 2, "who may not be alone removes nothing")
	require.NoError(t, os.Remove(filepath.Join(home, commitFile)))
	require.NoError(t, s.Swap(background, revisionIn(t, s), oldLogin))
	require.Len(t, sealedFiles(t, home), 1)
}

func TestAFailingKeyringLosesNothing(t *testing.T) {
	noBus := errors.New("dial unix /nonexistent: connect: no such file or directory")
	for _, limitBytes := range []int{0, sealAll} {
		ring := new(vault)
		s := openQuiet(machinetest.Dir(t), ring, limitBytes)
		require.NoError(t, s.Replace(background, oldLogin))
		for _, verbs := range [][]string{{"get", "set", "delete"}, {"set", "delete"}, {"get"}} {
			ring.before = whenAsked(noBus, verbs...)
			for range 3 {
				require.Error(t, s.Replace(background, newLogin))
				require.Error(t, s.Swap(background, "", newLogin))
			}
			if verbs[0] != "get" {
				require.Error(t, s.Swap(background, revisionIn(t, s), newLogin))
			}
			if len(verbs) > 1 {
				requireUnavailable(t, s.Delete(background), "")
			}
			ring.before = nil
			require.Equal(t, "old", stored(t, s))
			require.LessOrEqual(t, len(sealedFiles(t, s.home)), 2, "a retry leaves no more than the one before")
		}
	}
}

// A panic of a library is an error; one of this program is a mistake to be seen, and
// must not pass for a keyring that broke off.
func TestOnlyALibrarysPanicIsCaught(t *testing.T) {
	broken := guarded{&vault{before: func(string) error { panic("a library") }}}
	_, err := broken.Get("service", "account")
	require.ErrorIs(t, err, errBrokeOff)
	require.ErrorIs(t, broken.Set("service", "account", "secret"), errBrokeOff)
	require.ErrorIs(t, broken.Delete("service", "account"), errBrokeOff)

	source, err := os.ReadFile("../bounded/gate.go")
	require.NoError(t, err)
	require.NotContains(t, string(source), "recover()", "a gate runs this program's own code")
}

//go:build unix

package file

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/machine/machinetest"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/store/storetest"
)

// odd are things that are no file.
var odd = map[string]func(t *testing.T, path string){
	"pipe":   func(t *testing.T, path string) { require.NoError(t, syscall.Mkfifo(path, 0o600)) },
	"folder": func(t *testing.T, path string) { require.NoError(t, os.Mkdir(path, 0o700)) },
	"socket": func(t *testing.T, path string) {
		listener, err := net.Listen("unix", path)
		if errors.Is(err, syscall.EINVAL) {
			t.Skip("the path of a socket may not be so long")
		}
		require.NoError(t, err)
		t.Cleanup(func() { listener.Close() })
	},
	"endless device": func(t *testing.T, path string) { require.NoError(t, os.Symlink("/dev/zero", path)) },
	"endless file": func(t *testing.T, path string) {
		require.NoError(t, os.WriteFile(path, nil, 0o600))
		require.NoError(t, os.Truncate(path, 1<<40)) // nothing but zeros
	},
}

// Whatever lies where a home has its files, nothing waits for it or reads it to
// an end that it may not have. What then cannot be done is an error.
func TestNothingInAHomeKeepsItsReadersWaiting(t *testing.T) {
	key := ledgerKey(1)
	for _, name := range []string{
		lockFile, commitFile, LedgerName, LedgerName + ".lock", "auth.intents", "auth.intents/" + string(key) + ".1",
		"auth.json.unreadable", "auth.json.1-1-1.1.1.1.tmp", LedgerName + ".1.tmp",
	} {
		for kind, place := range odd {
			t.Run(kind+" as "+name, func(t *testing.T) {
				t.Parallel()
				home := machinetest.Dir(t)
				loggedIn(t)(home)
				path := filepath.Join(home, name)
				require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
				require.NoError(t, os.RemoveAll(path))
				place(t, path)
				requireSoon(t, func() { everythingIn(t, home) })
			})
		}
	}
}

// everythingIn is what a program does in a home.
func everythingIn(t *testing.T, home string) {
	quietly := slog.New(slog.DiscardHandler)
	s := Open(home, Options{Log: quietly})
	ledger := OpenLedger(home, storetest.LedgerIssuer, LedgerOptions{Log: quietly, LimitBytes: 1})
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if unlock, err := s.Lock(ctx); err == nil {
		defer unlock()
	}
	_, _ = ledger.History(ctx)
	_, _ = ledger.Doubt(ctx, ledgerKey(1))
	_ = ledger.Intend(ctx, persist.Entry{Kind: persist.Intended, TokenID: ledgerKey(1), At: time.Now()}, history.Doubt{Times: 1})
	_ = ledger.Conclude(ctx, ledgerKey(1), persist.Entry{Kind: persist.Rotated, NextID: ledgerKey(2), At: time.Now()})
	_ = ledger.compact()
	if release, err := s.Reserve(ctx, oldLogin); err == nil {
		defer release()
	}
	if record, err := s.Load(ctx); err == nil {
		_ = s.Swap(ctx, record.Revision, newLogin)
	}
	_ = s.Replace(ctx, oldLogin)
	_ = s.Delete(ctx)
}

// requireSoon bounds what might never end.
func requireSoon(t *testing.T, do func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		do()
	}()
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		t.Fatal("it waits")
	}
}

// One run as root must not leave files that the owner of the home may not use.
func TestWhatRootMakesInAHomeBelongsToTheOwnerOfTheHome(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can give files away")
	}
	const user = 65534
	home := t.TempDir()
	require.NoError(t, os.Chown(home, user, user))
	everythingIn(t, home)
	require.NoError(t, os.WriteFile(filepath.Join(home, authFile), []byte("{"), 0o600))
	s := quiet(home)
	require.NoError(t, s.Replace(background, oldLogin))
	made := 0
	require.NoError(t, filepath.Walk(home, func(path string, info os.FileInfo, err error) error {
		require.NoError(t, err)
		made++
		require.EqualValues(t, user, info.Sys().(*syscall.Stat_t).Uid, path)
		return nil
	}))
	require.GreaterOrEqual(t, made, 7, "auth.json and its copy, two locks and a ledger with its own, the intents")
}

// What is there already stays whose it is: it may be a link to a file of root's.
func TestRootGivesNothingAwayThatItDidNotMake(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can give files away")
	}
	t.Parallel()
	home, roots := t.TempDir(), filepath.Join(t.TempDir(), "shadow")
	require.NoError(t, os.Chown(home, 65534, 65534))
	require.NoError(t, os.WriteFile(roots, nil, 0o600))
	for _, name := range []string{lockFile, LedgerName, LedgerName + ".lock"} {
		require.NoError(t, os.Symlink(roots, filepath.Join(home, name)))
	}
	everythingIn(t, home)
	info, err := os.Stat(roots)
	require.NoError(t, err)
	require.Zero(t, info.Sys().(*syscall.Stat_t).Uid)
}

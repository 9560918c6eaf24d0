package file

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/machine/secret"
)

// What Reserve would say is seen without a trace, and nothing else is objected to.
func TestAFolderThatTakesNoSuccessorIsSeenWithoutATry(t *testing.T) {
	key := machine.Credential{Method: machine.MethodAPIKey, APIKey: secret.New("key")}
	for name, each := range map[string]struct {
		spoil func(t *testing.T, home string)
		takes bool
	}{
		"as it should be": {func(*testing.T, string) {}, true},
		"a read-only disk": {func(t *testing.T, home string) {
			if err := unix.Mount(home, home, "", unix.MS_BIND, ""); err != nil {
				t.Skip("nothing can be mounted here: ", err)
			}
			t.Cleanup(func() { unix.Unmount(home, unix.MNT_DETACH) })
			require.NoError(t, unix.Mount("", home, "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY, ""))
		}, false},
		"a full disk": {func(t *testing.T, home string) {
			if err := unix.Mount("none", home, "tmpfs", 0, "size=8k"); err != nil {
				t.Skip("nothing can be mounted here: ", err)
			}
			t.Cleanup(func() { unix.Unmount(home, unix.MNT_DETACH) })
			require.NoError(t, os.WriteFile(filepath.Join(home, "filler"), make([]byte, 4096), 0o600))
		}, false},
		"a folder of other users": {func(t *testing.T, home string) {
			if os.Geteuid() == 0 {
				t.Skip("root may write everywhere")
			}
			require.NoError(t, os.Chmod(home, 0o500))
			t.Cleanup(func() { os.Chmod(home, 0o700) })
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			home := t.TempDir()
			s := Open(home, Options{})
			require.NoError(t, s.Replace(context.Background(), key))
			each.spoil(t, home)
			before, _ := os.ReadDir(home)
			err := s.Probe(context.Background())
			after, _ := os.ReadDir(home)
			require.Len(t, after, len(before))
			if each.takes {
				require.NoError(t, err)
				return
			}
			notDurable := new(persist.NotDurableError)
			require.ErrorAs(t, err, &notDurable)
			_, err = s.Reserve(context.Background(), key)
			require.ErrorAs(t, err, &notDurable, "a try says the same")
		})
	}
}

// An entry or an intent that cannot be written is seen before anything is spent.
func TestALedgerThatCannotBeWrittenIsSeenWithoutATry(t *testing.T) {
	for _, name := range []string{LedgerName, "auth.intents"} {
		t.Run(name, func(t *testing.T) {
			home := t.TempDir()
			l := OpenLedger(home, machine.Issuer{}, LedgerOptions{})
			require.NoError(t, l.Probe(t.Context()), "nothing there yet")
			intent := persist.Entry{Kind: persist.Intended, TokenID: "0123"}
			require.NoError(t, l.Intend(t.Context(), intent, history.Doubt{}))
			require.NoError(t, l.Probe(t.Context()))
			path := filepath.Join(home, name)
			if err := unix.Mount(path, path, "", unix.MS_BIND, ""); err != nil {
				t.Skip("nothing can be mounted here: ", err)
			}
			t.Cleanup(func() { unix.Unmount(path, unix.MNT_DETACH) })
			require.NoError(t, unix.Mount("", path, "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY, ""))
			notDurable := new(persist.NotDurableError)
			require.ErrorAs(t, l.Probe(t.Context()), &notDurable)
			intent.TokenID = "4567"
			require.Error(t, l.Intend(t.Context(), intent, history.Doubt{}), "a try says the same")
		})
	}
}

func TestALedgerBehindALinkThatLeadsNowhereIsSeenWithoutATry(t *testing.T) {
	for _, name := range []string{LedgerName, "auth.intents"} {
		t.Run(name, func(t *testing.T) {
			home := t.TempDir()
			l := OpenLedger(home, machine.Issuer{}, LedgerOptions{})
			require.NoError(t, os.Symlink("nowhere/it", filepath.Join(home, name)))
			notDurable := new(persist.NotDurableError)
			require.ErrorAs(t, l.Probe(t.Context()), &notDurable)
			intent := persist.Entry{Kind: persist.Intended, TokenID: "0123"}
			require.ErrorAs(t, l.Intend(t.Context(), intent, history.Doubt{}), &notDurable, "a try says the same")
			require.NoError(t, os.MkdirAll(filepath.Join(home, "nowhere"), 0o700))
			if name == LedgerName {
				require.NoError(t, l.Probe(t.Context()), "it can be made now")
				require.NoError(t, l.Intend(t.Context(), intent, history.Doubt{}))
			}
		})
	}
}

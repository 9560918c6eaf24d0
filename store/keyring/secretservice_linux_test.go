package keyring

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/zalando/go-keyring"
	ss "github.com/zalando/go-keyring/secret_service"

	"github.com/bezoar-auth/bezoar/machine/machinetest"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/store/storetest"
)

// sessionVariable is set in the session with a real Secret Service.
const sessionVariable = "BEZOAR_TEST_SECRET_SERVICE"

// sessionScript starts a Secret Service and waits until the bus knows it, for an
// earlier request makes the bus start another. It leaves nothing running.
const sessionScript = `
printf 'test-password' | gnome-keyring-daemon --unlock --components=secrets --foreground >&2 &
until dbus-send --print-reply --dest=org.freedesktop.DBus / org.freedesktop.DBus.NameHasOwner \
	string:org.freedesktop.secrets | grep -q 'boolean true'
do
	kill -0 $! || exit
	sleep 0.05
done
"$0" "$@"
outcome=$?
kill $!
wait $!
exit $outcome`

// TestARealSecretServiceKeepsTheContract runs the tests below, in a session bus
// of their own with gnome-keyring on it.
func TestARealSecretServiceKeepsTheContract(t *testing.T) {
	t.Parallel()
	for _, tool := range []string{"dbus-run-session", "dbus-send", "gnome-keyring-daemon", "secret-tool"} {
		if _, err := exec.LookPath(tool); err != nil && os.Getenv("CI") != "" {
			t.Fatalf("CI has to have %s: apt-get install -y --no-install-recommends gnome-keyring dbus libsecret-tools", tool)
		} else if err != nil {
			t.Skipf("no Secret Service to test with, %s is missing: apt-get install gnome-keyring dbus libsecret-tools", tool)
		}
	}
	home, checks := machinetest.Dir(t), "1" // in memory, for the daemon syncs each item; a socket's path must not be long
	if machinetest.Long() {
		checks = "5"
	}
	session := exec.Command("dbus-run-session", "--", "sh", "-c", sessionScript, os.Args[0],
		"-test.run=^TestInASession", "-test.count=1", "-test.v", "-test.timeout=5m", "-rapid.checks="+checks, "-rapid.nofailfile")
	session.Env = append(os.Environ(), sessionVariable+"=1", "HOME="+home, "XDG_DATA_HOME="+home, "XDG_RUNTIME_DIR="+home)
	output, err := session.CombinedOutput()
	require.NoError(t, err, string(output))
	require.Contains(t, string(output), "--- PASS: TestInASessionTheContractIsKept", "the tests were run")
}

// isInSession reports whether there is a real Secret Service, and waits for it.
func isInSession(t *testing.T) bool {
	if os.Getenv(sessionVariable) == "" {
		return false
	}
	require.Eventually(t, func() bool {
		_, err := keyring.Get(service, "none")
		return errors.Is(err, keyring.ErrNotFound)
	}, 30*time.Second, 10*time.Millisecond)
	return true
}

func TestInASessionTheContractIsKept(t *testing.T) {
	if !isInSession(t) {
		return
	}
	for name, limitBytes := range map[string]int{"InTheKeyring": 0, "Sealed": sealAll} {
		t.Run(name, func(t *testing.T) {
			storetest.RunStore(t, func(t *testing.T) storetest.StoreSite {
				home := machinetest.Dir(t)
				t.Cleanup(func() { require.NoError(t, openQuiet(home, nil, 0).Delete(background)) })
				return &site{t: t, home: home, options: Options{Patience: patience, LimitBytes: limitBytes}}
			})
		})
	}
}

func TestInASessionALargeLoginIsKept(t *testing.T) {
	if !isInSession(t) {
		return
	}
	large := storetest.TokenSet(1)
	large.AccessToken = secret.New(strings.Repeat("x", 64<<10))
	for _, limitBytes := range []int{0, 2560} {
		s := openQuiet(machinetest.Dir(t), nil, limitBytes)
		require.NoError(t, s.Replace(background, large))
		record, err := s.Load(background)
		require.NoError(t, err)
		require.True(t, record.Credential.Equal(large))
		require.NoError(t, s.Delete(background))
	}
}

// Other programs give their items more attributes than this one.
func TestInASessionAnotherItemIsReplaced(t *testing.T) {
	if !isInSession(t) {
		return
	}
	s := openQuiet(machinetest.Dir(t), nil, 0)
	content, err := document(oldLogin, nil)
	require.NoError(t, err)
	for range 2 {
		theirs := exec.Command("secret-tool", "store", "--label=theirs", "service", service,
			"username", s.item().account, "target", "default", "application", "another")
		theirs.Stdin = bytes.NewReader(content)
		require.NoError(t, theirs.Run())
		require.Equal(t, "old", stored(t, s))
		require.NoError(t, s.Swap(background, revisionIn(t, s), newLogin))
		require.Equal(t, "new", stored(t, s))
		found, err := exec.Command("secret-tool", "lookup", "service", service, "username", s.item().account).Output()
		require.NoError(t, err)
		require.True(t, bytes.Equal(must(document(newLogin, nil)), found), "another program sees another login")
		require.NoError(t, s.Delete(background))
		require.Equal(t, "none", stored(t, s))
	}
}

// It is the last one: the keyring cannot be unlocked again.
func TestInASessionZLockedMeansUnavailable(t *testing.T) {
	if !isInSession(t) {
		return
	}
	home := machinetest.Dir(t)
	require.NoError(t, openQuiet(home, nil, 0).Replace(background, oldLogin))
	s := openImpatient(home, nil, 0)
	lockAll(t)
	for name, call := range calls(s) {
		start := time.Now()
		err := call(background)
		requireUnavailable(t, err, "")
		t.Logf("%s after %v: %v", name, time.Since(start).Round(time.Millisecond), err)
	}
}

// lockAll locks every collection over the connection that the library keeps:
// gnome-keyring takes an ask of a client it has only just met for no ask at
// all, now and then, and answers as if it had done it.
func lockAll(t *testing.T) {
	t.Helper()
	bus, err := ss.NewSecretService()
	require.NoError(t, err)
	secrets := bus.Object("org.freedesktop.secrets", "/org/freedesktop/secrets")
	collections, err := secrets.GetProperty("org.freedesktop.Secret.Service.Collections")
	require.NoError(t, err)
	require.NoError(t, secrets.Call("org.freedesktop.Secret.Service.Lock", 0, collections.Value()).Err)
	locked, err := bus.GetLoginCollection().GetProperty("org.freedesktop.Secret.Collection.Locked")
	require.NoError(t, err)
	require.Equal(t, true, locked.Value(), "the keyring is open still")
}

func TestWithoutABusTheKeyringIsUnavailable(t *testing.T) {
	if os.Getenv(sessionVariable) != "" {
		return // the bus of this process is known already
	}
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent") // without it, the library may start a bus
	home := machinetest.Dir(t)
	require.NoError(t, os.WriteFile(filepath.Join(home, authFile), []byte("{}"), 0o600))
	s := Open(home, Options{Log: slog.New(slog.DiscardHandler)})
	for _, call := range calls(s) {
		requireUnavailable(t, call(background), "")
	}
	require.FileExists(t, filepath.Join(home, authFile))
	undurable := new(persist.NotDurableError)
	require.ErrorAs(t, s.Replace(background, newLogin), &undurable)
}

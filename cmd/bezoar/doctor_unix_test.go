//go:build unix

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/cli"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/scenetest"
)

// stranger is a user that nothing here belongs to.
const stranger = 12345

// otherUsers runs the real program as other users, in a folder that they can read.
type otherUsers struct {
	t      *testing.T
	folder string
}

func newOtherUsers(t *testing.T) otherUsers {
	if os.Geteuid() != 0 {
		t.Skip("only root can be another user")
	}
	outer, err := os.MkdirTemp("", "bezoar-owner-*") // other users cannot enter t.TempDir()
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(outer) })
	require.NoError(t, os.Chmod(outer, 0o755))
	self, err := os.Executable()
	require.NoError(t, err)
	program, err := os.ReadFile(self)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(outer, "bezoar"), program, 0o755))
	return otherUsers{t, outer}
}

// run is what the program says to a user, and its exit code.
func (o otherUsers) run(uid uint32, env []string, words ...string) (string, int) {
	command := exec.Command(filepath.Join(o.folder, "bezoar"), words...)
	command.Dir, command.Env = o.folder, append([]string{}, env...)
	command.Stdin = strings.NewReader("sk-key\n")
	command.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	out, _ := command.CombinedOutput()
	return string(out), command.ProcessState.ExitCode()
}

func TestDoctorSaysWhoseHomeItIs(t *testing.T) {
	t.Parallel()
	users := newOtherUsers(t)
	home := filepath.Join(users.folder, "home")
	require.NoError(t, os.Mkdir(home, 0o700))
	doctor := func(uid uint32) (string, int) { return users.run(uid, nil, "doctor", "--offline", "--home", home) }
	out, code := doctor(stranger)
	require.Regexp(t, `(?m)^fail  home         \S+ belongs to root, and you are user 12345$`, out)
	require.Regexp(t, `(?m)^skip  disk         see home$`, out)
	require.Equal(t, cli.ExitOperator, code)

	require.NoError(t, os.Chown(home, stranger, stranger))
	out, code = doctor(0)
	require.Regexp(t, `(?m)^warn  home         \S+ belongs to user 12345, and you are root$`, out)
	require.Equal(t, cli.ExitOK, code)
	out, _ = doctor(stranger)
	require.Regexp(t, `(?m)^ok    home         \S+$`, out)
}

// The default home is made at the first login, if it can be.
func TestDefaultHomeThatCannotBeMadeIsReported(t *testing.T) {
	t.Parallel()
	users := newOtherUsers(t)
	env := []string{"HOME=" + filepath.Join(users.folder, "none")}
	for words, says := range map[string]string{
		"login --with-api-key": `^bezoar: home \S+/none/\.codex \(default\): it is missing and cannot be made: .*permission denied; name a folder with --home or BEZOAR_HOME\n$`,
		"doctor --offline":     `^fail  home         \S+/none/\.codex is missing, and nothing can be created in \S+\n +→ name a folder of your own`,
	} {
		out, code := users.run(stranger, env, strings.Fields(words)...)
		require.Regexp(t, says, out)
		require.Equal(t, cli.ExitOperator, code, words)
	}
}

// A home that shows nothing to a user is no home without a login.
func TestUnreadableHomeIsReportedByAll(t *testing.T) {
	t.Parallel()
	users := newOtherUsers(t)
	home := filepath.Join(users.folder, "home")
	require.NoError(t, os.Mkdir(home, 0o700))
	out, code := users.run(stranger, nil, "why", "--home", home)
	require.Contains(t, out, "The ledger cannot be read: ")
	require.Contains(t, out, "NoAuth: the stored login cannot be read: "+filepath.Join(home, "auth.json")+" cannot be read: permission denied.\n")
	require.NotContains(t, out, "no entry")
	require.Equal(t, cli.ExitOperator, code)
	out, _ = users.run(stranger, nil, "logout", "--home", home)
	require.Contains(t, out, "\nbezoar: remove stored login: "+filepath.Join(home, "auth.json")+" cannot be read: permission denied; bezoar doctor looks for the cause\n")
}

// A login in a folder that takes no files is not refreshed, and no other process is to
// blame for that.
func TestTokenSaysThatNewTokensCannotBeStored(t *testing.T) {
	t.Parallel()
	users := newOtherUsers(t)
	home := filepath.Join(users.folder, "home")
	require.NoError(t, os.Mkdir(home, 0o755))
	expired := scenetest.NewAt(t, time.Now(), -time.Hour, func(string) string { return "" })
	stored := filepath.Join(home, "auth.json")
	require.NoError(t, os.Rename(filepath.Join(expired.Home, "auth.json"), stored))
	require.NoError(t, os.Chown(stored, stranger, stranger))
	out, code := users.run(stranger, nil, "token", "--home", home)
	require.Contains(t, out, "there is no refresh because new tokens could not be stored. Next: bezoar doctor")
	require.Equal(t, cli.ExitOperator, code)
}

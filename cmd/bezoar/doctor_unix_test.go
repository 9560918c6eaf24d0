//go:build unix

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestDoctorSaysWhoseHomeItIs runs the real program as another user.
func TestDoctorSaysWhoseHomeItIs(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can be another user")
	}
	outer, err := os.MkdirTemp("", "bezoar-owner-*") // t.TempDir() lets nobody else in
	require.NoError(t, err)
	defer os.RemoveAll(outer)
	require.NoError(t, os.Chmod(outer, 0o755))
	home := filepath.Join(outer, "home")
	require.NoError(t, os.Mkdir(home, 0o700))
	self, err := os.Executable()
	require.NoError(t, err)
	copied := filepath.Join(outer, "bezoar")
	program, err := os.ReadFile(self)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(copied, program, 0o755))

	doctor := func(uid uint32) (string, int) {
		command := exec.Command(copied, "doctor", "--offline", "--home", home)
		command.Dir = outer
		command.Env = []string{}
		command.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
		out, _ := command.CombinedOutput()
		return string(out), command.ProcessState.ExitCode()
	}
	const stranger = 12345
	out, code := doctor(stranger)
	require.Regexp(t, `(?m)^fail  home         \S+ belongs to root, and you are user 12345$`, out)
	require.Regexp(t, `(?m)^skip  disk         see home$`, out)
	require.Equal(t, exitOperator, code)

	require.NoError(t, os.Chown(home, stranger, stranger))
	out, code = doctor(0)
	require.Regexp(t, `(?m)^warn  home         \S+ belongs to user 12345, and you are root$`, out)
	require.Equal(t, exitOK, code)
	out, _ = doctor(stranger)
	require.Regexp(t, `(?m)^ok    home         \S+$`, out)
}

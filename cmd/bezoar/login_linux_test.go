package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/cli"
)

// openTerminal makes a terminal, and the end of it at which a person would sit.
func openTerminal(t *testing.T) (person, terminal *os.File) {
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	require.NoError(t, err)
	t.Cleanup(func() { person.Close() })
	require.NoError(t, unix.IoctlSetPointerInt(int(person.Fd()), unix.TIOCSPTLCK, 0))
	number, err := unix.IoctlGetUint32(int(person.Fd()), unix.TIOCGPTN)
	require.NoError(t, err)
	terminal, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	require.NoError(t, err)
	t.Cleanup(func() { terminal.Close() })
	return person, terminal
}

func echoes(t *testing.T, terminal *os.File) bool {
	state, err := unix.IoctlGetTermios(int(terminal.Fd()), unix.TCGETS)
	require.NoError(t, err)
	return state.Lflag&unix.ECHO != 0
}

// TestLoginDoesNotEchoTheKey types a key at a real terminal, and Ctrl-C and Ctrl-D, after
// which the terminal must show again what is typed.
func TestLoginDoesNotEchoTheKey(t *testing.T) {
	t.Parallel()
	for typed, code := range map[string]int{"sk-typed-by-hand\n": cli.ExitOK, "sk-ty\x03": cli.ExitInterrupted, "\x04": cli.ExitInterrupted} {
		person, terminal := openTerminal(t)
		command := exec.Command("bezoar", "login", "--with-api-key", "--home", t.TempDir())
		command.Stdin, command.Stdout, command.Stderr = terminal, terminal, terminal
		command.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
		require.NoError(t, command.Start())
		overdue := time.AfterFunc(time.Minute, func() { command.Process.Kill() })
		require.Eventually(t, func() bool { return !echoes(t, terminal) }, time.Minute, time.Millisecond)
		_, err := io.WriteString(person, typed)
		require.NoError(t, err)
		command.Wait()
		overdue.Stop()
		require.Equal(t, code, command.ProcessState.ExitCode())
		require.True(t, echoes(t, terminal), "it is shown again")

		shown := make([]byte, 4096)
		n, err := person.Read(shown)
		require.NoError(t, err)
		require.Contains(t, string(shown[:n]), "Paste the API key")
		require.NotContains(t, string(shown[:n]), "sk-ty")
		terminal.Close()
	}
}

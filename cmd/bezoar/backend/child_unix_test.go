//go:build unix

package backend

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/store/system"
)

// isGone is also true for a process that has ended and that its parent has not waited for.
func isGone(process int) bool {
	state, err := exec.Command("ps", "-o", "stat=", "-p", strconv.Itoa(process)).Output()
	return err != nil || bytes.HasPrefix(state, []byte("Z"))
}

// allEndWithParent says that the system ends what a child has started too.
const allEndWithParent = false

func TestChildKnowsTheSignalThatEndedIt(t *testing.T) {
	t.Parallel()
	program := script(t, "codex", "kill -9 $$")
	child, err := Command{Words: []string{program}, Path: program}.Start(Options{Home: t.TempDir(), Stderr: io.Discard})
	require.NoError(t, err)
	_, _ = io.ReadAll(child)
	require.Equal(t, Status{Code: 137, Signal: "killed"}, child.Status())
}

func TestStoppedCodexDiesWithAParentThatIsKilled(t *testing.T) {
	t.Parallel()
	if !endsWithParent {
		t.Skip("this system ends a child by its input alone")
	}
	wrapper := []string{script(t, "codex", `sh -c 'echo $$; kill -STOP $$' <&0; exit 3`)}
	requireDeathWithParent(t, wrapper, func(child int) {
		require.Eventually(t, func() bool { return system.Here.IsStopped(child) }, 10*time.Second, time.Millisecond)
	})
}

func TestChildThatCannotBeStartedIsNamed(t *testing.T) {
	for text, want := range map[string]string{
		"#!/no/such/interpreter\n": "the program that its first line names is missing",
		"\x7fELF":                  "exec format error",
	} {
		program := script(t, "codex", "")
		require.NoError(t, os.WriteFile(program, []byte(text), 0o755))
		_, err := Command{Words: []string{program}, Path: program}.Start(Options{Home: t.TempDir(), Stderr: io.Discard})
		require.ErrorContains(t, err, want)
		require.ErrorContains(t, err, program)
	}
}

// script makes a program in a folder of its own.
func script(t *testing.T, name, text string) string {
	t.Helper()
	return write(t, name, "#!/bin/sh\n"+text+"\n")
}

func TestParseReadsQuotesAsAShell(t *testing.T) {
	codex := script(t, "my codex", "")
	command, err := Parse(`'`+codex+`' -c "a=\"b c\"" x\ y app-server`, environ{}.get)
	require.NoError(t, err)
	require.Equal(t, Command{Words: []string{codex, "-c", `a="b c"`, "x y", "app-server"}, Path: codex}, command)
	again, err := Parse(command.Line(), environ{}.get)
	require.NoError(t, err)
	require.Equal(t, command, again)
}

func TestParseRefusesAQuoteWithoutEnd(t *testing.T) {
	_, err := Parse(`codex 'app-server`, environ{}.get)
	require.ErrorContains(t, err, "the backend is no line of words")
}

//go:build unix

package backend

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// started is a child that runs a script.
func started(t *testing.T, text string) *Child {
	t.Helper()
	program := script(t, "codex", text)
	child, err := Command{Words: []string{program}, Path: program}.Start(Options{Home: t.TempDir(), Stderr: io.Discard})
	require.NoError(t, err)
	t.Cleanup(func() { child.End(context.Background()) })
	return child
}

// line reads one line of the child, byte by byte.
func line(t *testing.T, child io.Reader) string {
	t.Helper()
	var text []byte
	for one := make([]byte, 1); ; {
		_, err := io.ReadFull(child, one)
		require.NoError(t, err)
		if one[0] == '\n' {
			return string(text)
		}
		text = append(text, one[0])
	}
}

func TestChildEndsWithItsInputAndSaysItsLastLines(t *testing.T) {
	t.Parallel()
	child := started(t, "cat; echo last; exit 7")
	_, err := child.Write([]byte("hello\n"))
	require.NoError(t, err)
	require.Equal(t, "hello", line(t, child))
	child.CloseInput()
	rest, err := io.ReadAll(child)
	require.NoError(t, err)
	require.Equal(t, "last\n", string(rest))
	require.Equal(t, Status{Code: 7}, child.End(context.Background()))
}

func TestChildKnowsTheSignalThatEndedIt(t *testing.T) {
	t.Parallel()
	child := started(t, "kill -9 $$")
	_, _ = io.ReadAll(child)
	require.Equal(t, Status{Code: 137, Signal: "killed"}, child.Status())
}

func TestChildThatIgnoresEverythingIsKilled(t *testing.T) {
	t.Parallel()
	child := started(t, "trap '' TERM; echo ready; while :; do sleep 0.1; done")
	require.Equal(t, "ready", line(t, child))
	require.Equal(t, 137, child.End(context.Background()).Code)
}

func TestChildIsKilledAtOnceWhenTheTimeIsUp(t *testing.T) {
	t.Parallel()
	child := started(t, "trap '' TERM; echo ready; while :; do sleep 0.1; done")
	require.Equal(t, "ready", line(t, child))
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	start := time.Now()
	child.End(ctx)
	require.Less(t, time.Since(start), patience)
}

// A wrapper that does not hand its place to the codex below it.
const wrapper = `sh -c 'echo $$; while read line; do echo $line; done; %s' <&0; exit 3`

func TestWrapperThatIsKilledLeavesNoCodex(t *testing.T) {
	t.Parallel()
	for _, atEnd := range []string{"", "trap \"\" TERM; sleep 60"} {
		child := started(t, strings.Replace(wrapper, "%s", atEnd, 1))
		below, err := strconv.Atoi(line(t, child))
		require.NoError(t, err)
		go io.Copy(io.Discard, child)
		require.NoError(t, child.process.Signal(syscall.SIGKILL))
		require.Equal(t, 137, child.Status().Code)
		requireGone(t, below)
	}
}

func requireGone(t *testing.T, process int) {
	t.Helper()
	require.Eventually(t, func() bool { return isGone(process) }, 10*time.Second, 10*time.Millisecond)
}

// isGone is also true for a process that has ended and that its parent has not waited for.
func isGone(process int) bool {
	state, err := exec.Command("ps", "-o", "stat=", "-p", strconv.Itoa(process)).Output()
	return err != nil || bytes.HasPrefix(state, []byte("Z"))
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

// parentVariable has this test binary start the program that it names as a child, say
// what the child says, and wait.
const parentVariable = "BEZOAR_TEST_PARENT_OF"

func TestMain(m *testing.M) {
	program := os.Getenv(parentVariable)
	if program == "" {
		os.Exit(m.Run())
	}
	child, err := Command{Words: []string{program}, Path: program}.Start(Options{Home: os.TempDir(), Stderr: os.Stderr})
	if err != nil {
		os.Exit(1)
	}
	_, _ = io.Copy(os.Stdout, child)
}

func TestChildDiesWithAParentThatIsKilled(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"alone":              "echo $$; exec cat",
		"deaf":               "trap '' TERM; echo $$; while :; do sleep 0.1; done",
		"below a wrapper":    strings.Replace(wrapper, "%s", "", 1),
		"stopped, a wrapper": strings.Replace(wrapper, "echo $$;", "echo $$; kill -STOP $$;", 1),
	} {
		t.Run(name, func(t *testing.T) {
			if name != "alone" && name != "below a wrapper" && !endsWithParent {
				t.Skip("this system ends a child by its input alone")
			}
			parent := exec.Command(os.Args[0])
			parent.Env = append(os.Environ(), parentVariable+"="+script(t, "codex", strings.Replace(text, "%s", "", 1)))
			out, err := parent.StdoutPipe()
			require.NoError(t, err)
			require.NoError(t, parent.Start())
			child, err := strconv.Atoi(line(t, out))
			require.NoError(t, err)
			require.NoError(t, parent.Process.Kill())
			_ = parent.Wait()
			requireGone(t, child)
		})
	}
}

package backend

import (
	"context"
	"io"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// started is a child that acts.
func started(t *testing.T, words ...string) *Child {
	t.Helper()
	child, err := acting(words...).Start(Options{Home: t.TempDir(), Stderr: io.Discard})
	require.NoError(t, err)
	t.Cleanup(func() { child.End(context.Background()) })
	return child
}

func TestChildEndsWithItsInputAndSaysItsLastLines(t *testing.T) {
	t.Parallel()
	child := started(t, "echo")
	_, err := child.Write([]byte("hello\n"))
	require.NoError(t, err)
	require.Equal(t, "hello", line(t, child))
	child.CloseInput()
	rest, err := io.ReadAll(child)
	require.NoError(t, err)
	require.Equal(t, "last\n", string(rest))
	require.Equal(t, Status{Code: 7}, child.End(context.Background()))
}

func TestChildThatIgnoresEverythingIsKilled(t *testing.T) {
	t.Parallel()
	child, below := started(t, "deaf"), started(t, "above", "act", "deaf")
	process, deepest := number(t, child), number(t, below)
	require.Equal(t, Status{Code: 137, Signal: "killed"}, child.End(context.Background()))
	requireGone(t, process)
	require.NotZero(t, below.End(context.Background()).Code)
	requireGone(t, deepest)
}

func TestChildIsKilledAtOnceWhenTheTimeIsUp(t *testing.T) {
	t.Parallel()
	child := started(t, "deaf")
	number(t, child)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	start := time.Now()
	child.End(ctx)
	require.Less(t, time.Since(start), patience)
}

// A client may send more than a child takes.
func TestChildThatDoesNotReadIsEnded(t *testing.T) {
	t.Parallel()
	child := started(t, "deaf")
	number(t, child)
	written := make(chan error)
	go func() {
		_, err := child.Write(make([]byte, 1<<20))
		written <- err
	}()
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	child.End(ctx)
	require.Error(t, <-written)
}

func TestWrapperThatIsKilledLeavesNoCodex(t *testing.T) {
	t.Parallel()
	for _, below := range []string{"await", "deaf"} {
		child := started(t, "above", "act", below)
		codex := number(t, child)
		go io.Copy(io.Discard, child)
		require.NoError(t, child.process.Process.Kill())
		require.NotZero(t, child.Status().Code)
		requireGone(t, codex)
	}
}

// number reads the number of a process, which that one says.
func number(t *testing.T, from io.Reader) int {
	t.Helper()
	process, err := strconv.Atoi(line(t, from))
	require.NoError(t, err)
	return process
}

func requireGone(t *testing.T, process int) {
	t.Helper()
	require.Eventually(t, func() bool { return isGone(process) }, 10*time.Second, 10*time.Millisecond)
}

func TestChildDiesWithAParentThatIsKilled(t *testing.T) {
	t.Parallel()
	for name, words := range map[string][]string{
		"alone":           {"await"},
		"below a wrapper": {"above", "act", "await"},
		"deaf":            {"deaf"},
		"deaf, a wrapper": {"above", "act", "deaf"},
	} {
		t.Run(name, func(t *testing.T) {
			if words[len(words)-1] == "deaf" && !(endsWithParent && (len(words) == 1 || allEndWithParent)) {
				t.Skip("this system ends a child by its input alone")
			}
			requireDeathWithParent(t, acting(words...).Words, func(int) {})
		})
	}
}

// requireDeathWithParent starts a child below a program that is killed when ready returns.
func requireDeathWithParent(t *testing.T, words []string, ready func(child int)) {
	t.Helper()
	parent := exec.Command(os.Args[0], append([]string{"act", "parent"}, words...)...)
	out, err := parent.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, parent.Start())
	child := number(t, out)
	ready(child)
	require.NoError(t, parent.Process.Kill())
	_ = parent.Wait()
	requireGone(t, child)
}

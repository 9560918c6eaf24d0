//go:build linux

package file

import (
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine/endpoint"
	"github.com/bezoar-auth/bezoar/store/system"
)

// A process that was stopped after its post goes on with the answer in its
// socket: its token is left alone however long it stands still.
func TestThePostOfAStoppedProcessIsLeftAlone(t *testing.T) {
	body := exec.Command("cat")
	input, err := body.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, body.Start())
	defer func() { input.Close(); body.Wait() }()
	_, doubt := intended(t, func(l *Ledger) {
		l.pid = body.Process.Pid
		me := identify(system.Here, l.pid)
		l.me = func() process { return me }
	})
	const long = time.Hour + endpoint.HearingLimit
	require.True(t, doubt(long).HolderGone, "it runs, and must have heard the answer by now")
	require.NoError(t, body.Process.Signal(syscall.SIGSTOP))
	var status syscall.WaitStatus
	_, err = syscall.Wait4(body.Process.Pid, &status, syscall.WUNTRACED, nil)
	require.NoError(t, err)
	require.False(t, doubt(long).HolderGone, "it stands still")
	require.NoError(t, body.Process.Signal(syscall.SIGCONT))
}

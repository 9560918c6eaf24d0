package server

import (
	"os"
	"runtime"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// asOnWindows is killedAfter of Windows.
func asOnWindows(signal os.Signal) time.Duration {
	if signal == syscall.SIGTERM {
		return 5 * time.Second
	}
	return 0
}

func TestSignalLeavesTheTimeThatTheSystemGives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		heard := make(chan os.Signal)
		l, stop := leaveBy(heard, asOnWindows)
		defer stop()
		heard <- os.Interrupt
		time.Sleep(time.Hour)
		synctest.Wait()
		require.NoError(t, l.child.Err(), "Ctrl-C closes no console")
		require.NoError(t, l.answers.Err())
		begun := time.Now()
		heard <- syscall.SIGTERM
		<-l.child.Done()
		require.Equal(t, 2*time.Second, time.Since(begun))
		require.NoError(t, l.answers.Err(), "the last lines of the child are handed on")
		<-l.answers.Done()
		require.Less(t, time.Since(begun)+flushLimit, 5*time.Second)
	})
}

func TestSignalLeavesAllTimeWhereNothingKills(t *testing.T) {
	require.Zero(t, killedAfter(os.Interrupt), "Ctrl-C, and Ctrl-Break on Windows")
	wanted := time.Duration(0)
	if runtime.GOOS == "windows" { // a closed console and the end of a session
		wanted = asOnWindows(syscall.SIGTERM)
	}
	require.Equal(t, wanted, killedAfter(syscall.SIGTERM))
}

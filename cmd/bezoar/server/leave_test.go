package server

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestSignalLeavesTheTimeThatTheSystemGives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		signals, signal := context.WithCancel(t.Context())
		l, stop := leaveBy(signals, 5*time.Second)
		defer stop()
		time.Sleep(time.Hour)
		synctest.Wait()
		require.NoError(t, l.child.Err(), "no signal has come")
		begun := time.Now()
		signal()
		<-l.child.Done()
		require.Equal(t, 2*time.Second, time.Since(begun))
		require.NoError(t, l.answers.Err(), "the last lines of the child are handed on")
		<-l.answers.Done()
		require.Less(t, time.Since(begun)+flushLimit, 5*time.Second)
	})
}

func TestSignalLeavesAllTimeWhereNothingKills(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		signals, signal := context.WithCancel(t.Context())
		l, stop := leaveBy(signals, 0)
		defer stop()
		signal()
		time.Sleep(time.Hour)
		synctest.Wait()
		require.NoError(t, l.child.Err())
		require.NoError(t, l.answers.Err())
	})
}

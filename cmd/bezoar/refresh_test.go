package main

import (
	"bufio"
	"bytes"
	"context"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/cli"
	"github.com/bezoar-auth/bezoar/store/disk"
)

// Codex kills its auth command after five seconds, whatever the issuer does.
func TestTokenCommandKilledLosesNothing(t *testing.T) {
	t.Parallel()
	s := newSlowSite(t, 2*time.Hour)
	command := s.program("token")
	var out, errs bytes.Buffer // pipes: codex waits until no process has them any more
	command.Stdout, command.Stderr = &out, &errs
	startApart(t, command)
	s.awaitPost()
	require.NoError(t, killAll(command.Process))
	require.Error(t, command.Wait())
	s.goOn()
	s.isSaved()

	next := s.program("token")
	printed, err := next.Output()
	require.NoError(t, err)
	require.NotEmpty(t, printed)
	require.Equal(t, 1, s.Counts().Posts)
}

// The deadline ends the waiting of the command, and not the process that listens.
func TestLateTokensAreSavedAfterTheCommandEnded(t *testing.T) {
	t.Parallel()
	s := newSlowSite(t, 2*time.Hour)
	command := s.program("token")
	command.Env = append(command.Env, "BEZOAR_REFRESH_DEADLINE=5s") // a busy machine needs a while for the post
	printed, _ := command.Output()
	require.Equal(t, cli.ExitWait, command.ProcessState.ExitCode())
	require.Empty(t, printed)
	time.AfterFunc(3*time.Second, s.goOn) // who gave up has gone by then
	s.isSaved()
}

// interrupted is bezoar token that has posted when the user presses Ctrl-C once, and the first
// line that it says then.
func (s *slowSite) interrupted() (command *exec.Cmd, said string) {
	command = s.program("token")
	errs, err := command.StderrPipe()
	require.NoError(s.t, err)
	startApart(s.t, command)
	s.awaitPost()
	require.NoError(s.t, interruptAll(command.Process))
	said, err = bufio.NewReader(errs).ReadString('\n')
	require.NoError(s.t, err)
	return command, said
}

func TestFirstCtrlCFinishesAPostedRefreshAndSaysSo(t *testing.T) {
	t.Parallel()
	s := newSlowSite(t, 2*time.Hour)
	command, said := s.interrupted()
	require.Contains(t, said, "finishing the refresh that is under way (up to 30s)")
	s.goOn()
	_ = command.Wait()
	require.Equal(t, cli.ExitInterrupted, command.ProcessState.ExitCode())
	s.isSaved()
}

func TestSecondCtrlCEndsTheCommandNotTheRefresh(t *testing.T) {
	t.Parallel()
	s := newSlowSite(t, 2*time.Hour)
	command, _ := s.interrupted()
	require.NoError(t, interruptAll(command.Process))
	require.Error(t, command.Wait())
	require.True(t, isInterrupted(command.ProcessState), command.ProcessState)
	s.goOn()
	s.isSaved()
}

func TestFirstCtrlCEndsAtOnceBeforeThePost(t *testing.T) {
	t.Parallel()
	s := newSlowSite(t, 2*time.Hour)
	unlock, err := disk.Here.Lock(context.Background(), filepath.Join(s.home, disk.LockFile), time.Millisecond)
	require.NoError(t, err)
	command := s.program("token", "--log-level", "info")
	errs, err := command.StderrPipe()
	require.NoError(t, err)
	startApart(t, command)
	said := bufio.NewReader(errs)
	for line := ""; !strings.Contains(line, "to=Stale"); { // it is about to be refreshed
		line, err = said.ReadString('\n')
		require.NoError(t, err)
	}
	begun := time.Now()
	require.NoError(t, interruptAll(command.Process))
	_ = command.Wait()
	require.Equal(t, cli.ExitInterrupted, command.ProcessState.ExitCode())
	require.Less(t, time.Since(begun), 10*time.Second, "the lock is not waited for")
	unlock()
	s.goOn()
	require.Zero(t, s.Counts().Posts)
}

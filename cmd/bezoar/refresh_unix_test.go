//go:build unix

package main

import (
	"bufio"
	"bytes"
	"context"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/config"
	"github.com/bezoar-auth/bezoar/store/disk"
)

// inGroup starts a command that leads a process group of its own.
func inGroup(t *testing.T, command *exec.Cmd) {
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	require.NoError(t, command.Start())
}

// signalGroup is for the command and all that it has started in its group.
func signalGroup(t *testing.T, command *exec.Cmd, signal syscall.Signal) {
	require.NoError(t, syscall.Kill(-command.Process.Pid, signal))
}

// Codex kills its auth command after five seconds, whatever the issuer does.
func TestACommandThatIsKilledLosesNothing(t *testing.T) {
	s := newSlowSite(t, 2*time.Hour)
	command := s.program("token")
	var out, errs bytes.Buffer // pipes: codex waits until no process has them any more
	command.Stdout, command.Stderr = &out, &errs
	inGroup(t, command)
	s.awaitPost()
	signalGroup(t, command, syscall.SIGKILL)
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
func TestWhatIsGrantedAfterTheCommandHasGivenUpWaitingIsSaved(t *testing.T) {
	s := newSlowSite(t, 2*time.Hour)
	command := s.program("token")
	command.Env = append(command.Env, "BEZOAR_REFRESH_DEADLINE=5s") // a busy machine needs a while for the post
	printed, _ := command.Output()
	require.Equal(t, exitWait, command.ProcessState.ExitCode())
	require.Empty(t, printed)
	time.AfterFunc(3*time.Second, s.goOn) // who gave up has gone by then
	s.isSaved()
}

func TestAProcessApartThatStandsStillIsNotWaitedFor(t *testing.T) {
	const soon = 100 * time.Millisecond
	for name, c := range map[string]struct {
		says                string
		untilPost, untilEnd time.Duration
	}{
		"before its post": {"", soon, time.Hour},
		"after its post":  {sayPosting, time.Hour, soon},
	} {
		t.Run(name, func(t *testing.T) {
			process := exec.Command("sh", "-c", "echo $0; exec sleep 300", c.says)
			words, err := process.StdoutPipe()
			require.NoError(t, err)
			require.NoError(t, process.Start())
			defer process.Process.Kill()
			a := newApart(environment{}, config.Flags{})
			a.untilPost, a.untilEnd = c.untilPost, c.untilEnd
			waited := make(chan error, 1)
			go func() { waited <- a.await(process, words) }()
			select {
			case err := <-waited:
				require.NoError(t, err)
			case <-time.After(20 * time.Second):
				require.Fail(t, "the command hangs")
			}
		})
	}
}

func TestAtTheFirstCtrlCARefreshThatHasPostedIsFinishedAndSaid(t *testing.T) {
	s := newSlowSite(t, 2*time.Hour)
	command := s.program("token")
	errs, err := command.StderrPipe()
	require.NoError(t, err)
	inGroup(t, command)
	s.awaitPost()
	signalGroup(t, command, syscall.SIGINT)
	said, err := bufio.NewReader(errs).ReadString('\n')
	require.NoError(t, err)
	require.Contains(t, said, "finishing the refresh that is under way (up to 30s)")
	s.goOn()
	_ = command.Wait()
	require.Equal(t, exitInterrupted, command.ProcessState.ExitCode())
	s.isSaved()
}

func TestTheSecondCtrlCEndsTheCommandAndNotTheRefresh(t *testing.T) {
	s := newSlowSite(t, 2*time.Hour)
	command := s.program("token")
	errs, err := command.StderrPipe()
	require.NoError(t, err)
	inGroup(t, command)
	s.awaitPost()
	signalGroup(t, command, syscall.SIGINT)
	_, err = bufio.NewReader(errs).ReadString('\n')
	require.NoError(t, err)
	signalGroup(t, command, syscall.SIGINT)
	require.Error(t, command.Wait())
	require.Equal(t, syscall.SIGINT, command.ProcessState.Sys().(syscall.WaitStatus).Signal())
	s.goOn()
	s.isSaved()
}

func TestWithNothingPostedTheFirstCtrlCEndsAtOnce(t *testing.T) {
	s := newSlowSite(t, 2*time.Hour)
	unlock, err := disk.Lock(context.Background(), filepath.Join(s.home, disk.LockFile), time.Millisecond)
	require.NoError(t, err)
	command := s.program("token", "--log-level", "info")
	errs, err := command.StderrPipe()
	require.NoError(t, err)
	inGroup(t, command)
	said := bufio.NewReader(errs)
	for line := ""; !strings.Contains(line, "to=Stale"); { // it is about to be refreshed
		line, err = said.ReadString('\n')
		require.NoError(t, err)
	}
	begun := time.Now()
	signalGroup(t, command, syscall.SIGINT)
	_ = command.Wait()
	require.Equal(t, exitInterrupted, command.ProcessState.ExitCode())
	require.Less(t, time.Since(begun), 10*time.Second, "the lock is not waited for")
	unlock()
	s.goOn()
	require.Zero(t, s.Counts().Posts)
}

// Each flag that a command takes must reach the process that makes its refresh.
func TestTheProcessApartGetsTheFlagsOfItsCommand(t *testing.T) {
	var given, told config.Flags
	flags := newFlags("token")
	given.Register(flags)
	given.RegisterRefresh(flags)
	require.NoError(t, flags.Parse([]string{
		"--home", "a home", "--refresh-floor=7s", "--log-level", "info", "--log-format", "json", "-c", "a=1", "--config", "b=2",
	}))
	again := newFlags("refresh-apart")
	told.Register(again)
	told.RegisterRefresh(again)
	require.NoError(t, again.Parse(given.Args()))
	require.Equal(t, given, told)
}

package account

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/cli"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/config"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/session"
	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/endpoint"
	"github.com/bezoar-auth/bezoar/machine/engine"
	"github.com/bezoar-auth/bezoar/machine/secret"
)

// A command that prints a token may be killed while the issuer is asked: codex kills
// its auth command after five seconds. So the refresh is made by a process of its own,
// in a session of its own, which outlives the command and its process group. The two
// have pipes between them and share no other file: whoever waits for the end of the
// Command's output does not wait for the refresh.
//
// What the process is told: why the refresh is due, in its arguments, which hold no
// secret; and by the end of its standard input that the command has gone: then it
// posts nothing, unless it has posted already. What it tells: one word a line.
//
// The command does not wait for ever: the process may be stopped, and an issuer may
// need longer than the deadline. The process stays until it has heard the answer.

// RefreshApart is the process apart. It is in no list: people have no use for it.
var RefreshApart = cli.Command{
	Name:    "refresh-apart",
	Summary: "Make the refresh that is due, for another command.",
	About:   "Started by bezoar token, so that a refresh is saved though the command is killed.",
	Hidden:  true,
	Run:     refreshApart,
}

// The words of the process apart.
const (
	sayPosting = "posting" // the issuer is about to be asked
	sayUnsaved = "unsaved" // it granted new tokens, and they could not be stored
	sayOverdue = "overdue" // it has not answered within the deadline, and is still listened to
)

func refreshApart(env cli.Environment, flags *flag.FlagSet, args []string) error {
	var settings config.Flags
	settings.Register(flags)
	settings.RegisterRefresh(flags)
	cause := flags.String("cause", "", "why the refresh is due")
	access := flags.String("access", "", "the fingerprint of the access token that is not used any more")
	if err := cli.Parse(flags, args); err != nil {
		return err
	}
	cli.IgnoreBrokenPipes()
	signals, stop := signal.NotifyContext(context.Background(), cli.ShutdownSignals()...)
	defer stop()
	ctx, leave := context.WithCancel(signals)
	defer leave()
	var hasPosted atomic.Bool
	go func() {
		_, _ = io.Copy(io.Discard, env.Stdin)
		leave()
	}()
	s, err := session.Open(env, settings, func(o *engine.Options) {
		o.Before = func(step string) {
			if step == "post" {
				hasPosted.Store(true)
				fmt.Fprintln(env.Stdout, sayPosting)
			}
		}
	})
	if err != nil {
		return err
	}
	if endpoint.Cause(*cause) == endpoint.CauseRejected {
		_, _ = s.Engine.RejectedPastFloor(ctx, secret.Fingerprint(*access))
	} else {
		_, _ = s.Engine.Status(ctx, machine.Ask{Token: true, Refresh: endpoint.Cause(*cause) == endpoint.CauseDemanded})
	}
	if hasPosted.Load() { // from now on the command may go and the deadline may pass
		_ = s.Engine.Rest(signals)
		if s.Engine.Snapshot().Overdue() {
			fmt.Fprintln(env.Stdout, sayOverdue)
		}
		_ = s.Engine.Hear(signals)
	}
	s.Close(ctx)
	if s.Engine.Snapshot().Unsaved() {
		fmt.Fprintln(env.Stdout, sayUnsaved)
	}
	return nil // what came of it is in the home
}

// apart is the process apart, as the command that needs it sees it.
type refreshProcess struct {
	env      cli.Environment
	settings config.Flags

	posting    chan struct{} // closed when the issuer is about to be asked, the first time
	ended      chan struct{} // closed when the process has ended, the first time
	setPosting func()        // closes posting
	setEnded   func()        // closes ended
	unsaved    atomic.Bool   // the issuer granted new tokens, and they could not be stored

	untilPost time.Duration // how long the process may take until it asks the issuer
	untilEnd  time.Duration // and from then on
}

func newRefreshProcess(env cli.Environment, settings config.Flags) *refreshProcess {
	a := &refreshProcess{env: env, settings: settings, posting: make(chan struct{}), ended: make(chan struct{})}
	a.setPosting = sync.OnceFunc(func() { close(a.posting) })
	a.setEnded = sync.OnceFunc(func() { close(a.ended) })
	return a
}

// runIn has an engine make its refreshes apart.
func (a *refreshProcess) runIn(o *engine.Options) {
	a.untilPost = o.Deadline + 2*session.StoreMargin // the lock may be held for a deadline
	a.untilEnd = o.Deadline + session.StoreMargin
	o.Elsewhere = a.refresh
}

// refresh implements [engine.Options.Elsewhere].
func (a *refreshProcess) refresh(ctx context.Context, due machine.Snapshot) error {
	process := exec.Command(self(), append(a.settings.Args(),
		"--cause="+string(due.Cause()), "--access="+string(due.Access()))...)
	process.Args = append([]string{os.Args[0], RefreshApart.Name}, process.Args[1:]...)
	process.Stderr = struct{ io.Writer }{a.env.Log} // not the file itself
	detach(process)
	presence, err := process.StdinPipe()
	if err != nil {
		return err
	}
	words, err := process.StdoutPipe()
	if err != nil {
		return err
	}
	if err := process.Start(); err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { presence.Close() })()
	defer a.setEnded()
	return a.await(process, words)
}

// sayWhatIsFinished tells the person who wants to leave why the command still runs.
func (a *refreshProcess) explainWait(ctx context.Context, limit time.Duration) {
	select {
	case <-a.posting:
		cli.LogLine(a.env, fmt.Sprintf("finishing the refresh that is under way (up to %v); press Ctrl-C again not to wait: it is saved all the same", limit))
	case <-a.ended:
	case <-ctx.Done():
	}
}

// await waits for the end of the process, or until there is no use in waiting.
func (a *refreshProcess) await(process *exec.Cmd, words io.Reader) error {
	said, ended := make(chan string), make(chan error, 1)
	go func() {
		for lines := bufio.NewScanner(words); lines.Scan(); {
			said <- lines.Text()
		}
		close(said)
		ended <- process.Wait()
	}()
	patience := time.NewTimer(a.untilPost)
	for {
		select {
		case word, open := <-said:
			switch {
			case !open:
				return <-ended
			case word == sayOverdue:
				go drain(said)
				return nil
			case word == sayUnsaved:
				a.unsaved.Store(true)
			case word == sayPosting:
				a.setPosting()
				patience.Reset(a.untilEnd)
			}
		case <-patience.C:
			go drain(said)
			return nil
		}
	}
}

// drain takes the words that come too late.
func drain(words <-chan string) {
	for range words {
	}
}

// self is this program, also if its file has been replaced since.
func self() string {
	const running = "/proc/self/exe"
	if runtime.GOOS == "linux" {
		if _, err := os.Stat(running); err == nil {
			return running
		}
	}
	path, err := os.Executable()
	if err != nil {
		return os.Args[0]
	}
	return path
}

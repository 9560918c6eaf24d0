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
// are connected by pipes and share no other file, so that a program that reads the
// command's output to its end does not wait for the refresh.
//
// The arguments of the process say why the refresh is due; they hold no secret. The end
// of its standard input says that the command has gone: the process then posts nothing,
// unless it has posted already. It reports to the command with one word a line.
//
// The command does not wait for ever: the process may be stopped, and an issuer may
// need longer than the deadline. The process stays until it has the answer.

// RefreshApart is the command that bezoar token starts to make a refresh. No list shows
// it: users have no use for it.
var RefreshApart = cli.Command{
	Name:    "refresh-apart",
	Summary: "Make the refresh that is due, for another command.",
	About:   "Started by bezoar token, so that a refresh is saved though the command is killed.",
	Hidden:  true,
	Run:     refreshApart,
}

// The words that the process reports.
const (
	sayPosting = "posting" // the issuer is about to be asked
	sayUnsaved = "unsaved" // the issuer granted new tokens, and they could not be stored
	sayOverdue = "overdue" // the issuer has not answered within the deadline; the process still waits
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
			if step == engine.StepPost {
				hasPosted.Store(true)
				fmt.Fprintln(env.Stdout, sayPosting)
			}
		}
	})
	if err != nil {
		return err
	}
	ask(ctx, s, endpoint.Cause(*cause), secret.Fingerprint(*access))
	if hasPosted.Load() { // from now on neither the end of the command nor the deadline ends this process
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
	return nil // the home has the outcome
}

// ask has the session make the refresh. Its outcome is in the home.
func ask(ctx context.Context, s *session.Session, cause endpoint.Cause, access secret.Fingerprint) {
	if cause == endpoint.CauseRejected {
		_, _ = s.Engine.RejectedPastFloor(ctx, access)
		return
	}
	_, _ = s.Engine.Status(ctx, machine.Ask{Token: true, Refresh: cause == endpoint.CauseDemanded})
}

// refreshProcess is the process that makes refreshes, as its command sees it.
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

// Apart has an engine make its refreshes in a process of their own, for a command that may be
// killed at any time.
func Apart(env cli.Environment, settings config.Flags) func(*engine.Options) {
	return newRefreshProcess(env, settings).runIn
}

func newRefreshProcess(env cli.Environment, settings config.Flags) *refreshProcess {
	p := &refreshProcess{env: env, settings: settings, posting: make(chan struct{}), ended: make(chan struct{})}
	p.setPosting = sync.OnceFunc(func() { close(p.posting) })
	p.setEnded = sync.OnceFunc(func() { close(p.ended) })
	return p
}

// runIn has an engine make its refreshes in the process.
func (p *refreshProcess) runIn(o *engine.Options) {
	p.untilPost = o.Deadline + 2*session.StoreMargin // the lock may be held for a deadline
	p.untilEnd = o.Deadline + session.StoreMargin
	o.Elsewhere = p.refresh
}

// refresh implements [engine.Options.Elsewhere].
func (p *refreshProcess) refresh(ctx context.Context, due machine.Snapshot) error {
	process := exec.Command(self(), append(p.settings.Args(),
		"--cause="+string(due.Cause()), "--access="+string(due.Access()))...)
	process.Args = append([]string{os.Args[0], RefreshApart.Name}, process.Args[1:]...)
	process.Stderr = struct{ io.Writer }{p.env.Log} // not the file itself
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
	defer p.setEnded()
	return p.await(process, words)
}

// explainWait tells the user who pressed Ctrl-C why the command still runs.
func (p *refreshProcess) explainWait(ctx context.Context, limit time.Duration) {
	select {
	case <-p.posting:
		cli.LogLine(p.env, fmt.Sprintf("finishing the refresh that is under way (up to %v); press Ctrl-C again to stop waiting: the new tokens are saved all the same", limit))
	case <-p.ended:
	case <-ctx.Done():
	}
}

// await waits for the end of the process, or until there is no use in waiting.
func (p *refreshProcess) await(process *exec.Cmd, words io.Reader) error {
	said, ended := make(chan string), make(chan error, 1)
	go func() {
		for lines := bufio.NewScanner(words); lines.Scan(); {
			said <- lines.Text()
		}
		close(said)
		ended <- process.Wait()
	}()
	limit := time.NewTimer(p.untilPost)
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
				p.unsaved.Store(true)
			case word == sayPosting:
				p.setPosting()
				limit.Reset(p.untilEnd)
			}
		case <-limit.C:
			go drain(said)
			return nil
		}
	}
}

// drain reads the words that come after the command has stopped waiting.
func drain(words <-chan string) {
	for range words {
	}
}

// self is the path of this program, also if its file has been replaced since.
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

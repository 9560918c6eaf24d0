package demo

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/browser"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/cli"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/live"
	"github.com/bezoar-auth/bezoar/protocol"
)

// How slowly the demo runs with a page: the time between two polls, less if all of them
// would take longer than watchingTime.
const (
	watchingPace = 20 * time.Millisecond
	watchingTime = 20 * time.Second
)

// startEditor starts the editor and its server, and shows the page of the server if that
// is wanted.
func (s *show) startEditor(ctx context.Context) (*editor, error) {
	var flags []string
	if s.withPage {
		flags = []string{"--inspect", "127.0.0.1:0"}
	}
	editor, err := newEditor(s.home, s.environment, discard{}, flags...)
	if err != nil {
		return nil, err
	}
	err = editor.initialize(ctx, protocol.ClientInfo{Name: "bezoar-demo", Version: s.env.Version})
	if err == nil && s.withPage {
		err = s.showPage()
	}
	if err != nil {
		editor.close().WriteTo(s.env.Stderr)
		return nil, err
	}
	return editor, nil
}

// showPage opens a browser, if the user is at a terminal.
func (s *show) showPage() error {
	shown, err := live.PageFiles(s.home)
	if err != nil {
		return err
	}
	url := shown[0].URL
	s.say("\nWatch it at %s", url)
	if s.noBrowser || !cli.IsTerminal(s.env.Stdin) && !cli.IsTerminal(s.env.Stderr) {
		return nil
	}
	if opening, err := browser.Open(url, s.env.Getenv); err == nil {
		s.leave = opening.Watch(func(err error) {
			cli.LogNoBrowser(s.env, err)
		})
	}
	return nil
}

// poll asks for the token, with a progress bar, and slowly if the page is watched.
func (s *show) poll(ctx context.Context, editor *editor, times int) (tokens int, err error) {
	bar := newProgress(s.env, times)
	defer bar.end()
	pace := time.Duration(0)
	if s.withPage {
		pace = min(watchingPace, watchingTime/time.Duration(times))
	}
	return editor.poll(ctx, times, func() {
		bar.step()
		time.Sleep(pace)
	})
}

// waitForEnter keeps the page until the user presses Enter or the input ends. A signal
// ends the wait with an error.
func (s *show) waitForEnter(signals context.Context) error {
	if !s.withPage {
		return nil
	}
	s.say("\nThe page shows all of it. Press Enter to go on.")
	pressed := make(chan struct{})
	go func() {
		defer close(pressed)
		bufio.NewReader(s.env.Stdin).ReadString('\n') // the end of the input is as good
	}()
	select {
	case <-pressed:
		return nil
	case <-signals.Done():
		return signals.Err()
	}
}

// progress is a progress bar on a terminal. In a file or a pipe it writes nothing, because
// every step would stay there.
type progress struct {
	out   io.Writer // nil to show nothing
	now   func() time.Time
	total int
	done  int
	drawn time.Time
}

// The size of the bar, and how often it is drawn.
const (
	barCells  = 40
	barPeriod = 50 * time.Millisecond
)

func newProgress(env cli.Environment, total int) *progress {
	p := &progress{now: env.Now, total: total}
	if cli.CanDraw(env.Stdout, env.Getenv) {
		p.out = env.Stdout
	}
	return p
}

// step is one more done.
func (p *progress) step() {
	p.done++
	now := p.now()
	if p.out == nil || p.done < p.total && now.Sub(p.drawn) < barPeriod {
		return
	}
	p.drawn = now
	full := p.done * barCells / p.total
	fmt.Fprintf(p.out, "\r  [%s%s] %d of %d", strings.Repeat("=", full), strings.Repeat(" ", barCells-full), p.done, p.total)
}

// end removes the bar. The demo prints its result in words.
func (p *progress) end() {
	if p.out != nil {
		fmt.Fprint(p.out, "\r\x1b[K")
	}
}

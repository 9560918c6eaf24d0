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

// How slowly it goes when somebody watches: the time between two polls, less if
// there are so many of them that all would take longer than watchingTime.
const (
	watchingPace = 20 * time.Millisecond
	watchingTime = 20 * time.Second
)

// spawn starts the editor and its server, and shows the server's page if it is
// to be watched.
func (s *show) startEditor(ctx context.Context) (*editor, error) {
	var flags []string
	if s.withPage {
		flags = []string{"--inspect", "127.0.0.1:0"}
	}
	editor, err := newEditor(s.home, s.url, flags...)
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

// showPage asks for a browser, unless nobody would see it.
func (s *show) showPage() error {
	shown := live.PageFiles(s.home)
	if len(shown) == 0 {
		return live.ErrNoPage
	}
	url := shown[0].URL
	s.say("\nWatch it at %s", url)
	if s.noBrowser || !cli.IsTerminal(s.env.Stdin) && !cli.IsTerminal(s.env.Stderr) {
		return nil
	}
	if opening, err := browser.Open(url, s.env.Getenv); err == nil {
		s.leave = opening.Watch(func(err error) {
			cli.LogLine(s.env, "no browser has opened it ("+err.Error()+"): open the address yourself")
		})
	}
	return nil
}

// poll asks for the token, with a bar that shows how far it is, and slowly for
// somebody who watches.
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

// linger lets somebody look at the page until Enter is pressed, the input ends, or
// the program is told to go, which is an error.
func (s *show) waitForEnter(signals context.Context) error {
	if !s.withPage {
		return nil
	}
	s.say("\nThe page shows all of it. Press Enter to go on.")
	pressed := make(chan struct{})
	go func() {
		defer close(pressed)
		bufio.NewReader(s.env.Stdin).ReadString('\n') // its end is as good
	}()
	select {
	case <-pressed:
		return nil
	case <-signals.Done():
		return signals.Err()
	}
}

// progress is a bar that grows in place on a terminal, and nothing elsewhere: a
// file or a pipe would keep every step of it.
type progress struct {
	out   io.Writer // nil to show nothing
	now   func() time.Time
	total int
	done  int
	drawn time.Time
}

// The bar's size, and how often it is drawn: eyes see no more.
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

// end takes the bar away: what it led to is told in words.
func (p *progress) end() {
	if p.out != nil {
		fmt.Fprint(p.out, "\r\x1b[K")
	}
}

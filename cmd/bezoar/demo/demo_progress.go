package demo

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/cli"
)

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

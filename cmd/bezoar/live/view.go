package live

import (
	"context"
	"fmt"
	"html/template"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/diagram"
	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/persist"
)

// view is what the page shows: text without secrets, and two drawings of it.
type view struct {
	Version string
	Phase   machine.Phase
	Since   *clock
	Known   string // what is known of the login
	ToDo    string
	Diagram template.HTML
	Narrow  template.HTML // the diagram, for a screen that has no room for words in it
	Arrows  []arrow

	Backend  string      // the program of a child
	Children []childView // the newest first

	Begun   *clock
	Today   string // with the zone of all times
	Asks    uint64
	Posts   int
	Changes int
	Chart   template.HTML
	Moments []line // the newest first

	Facts []fact

	HasLedger     bool
	LedgerProblem bool
	Entries       []line // the newest first
}

// arrow is an arrow of the diagram in words.
type arrow struct {
	From, To, Words string
	Last            bool
}

// clock is a time for people and for programs.
type clock struct{ Shown, ISO string }

// line is one thing that happened.
type line struct {
	At    *clock
	Class string // for its colour
	What  string
	More  string
}

// view reads everything once.
func (p *page) view() view {
	now, mark := p.options.Now(), p.recorder.next()
	snapshot, seen := p.options.Source.Snapshot(), p.recorder.record()
	entries, err := p.ledger.newest(mark)
	known, toDo := p.options.Words.State(snapshot, entries, now)
	v := view{
		Version: p.options.Version, Phase: snapshot.Phase(), Since: clockAt(snapshot.Since(), now),
		Known: known, ToDo: toDo,
		Diagram: template.HTML(diagram.SVG(snapshot.Phase(), seen.last)),
		Narrow:  template.HTML(diagram.NarrowSVG(snapshot.Phase(), seen.last)), Arrows: arrows(seen.last),
		Backend: p.options.Backend, Children: p.children(now),
		Begun: clockAt(p.recorder.begun, now), Today: now.Format("2006-01-02, UTC-07:00"),
		Asks:  p.recorder.asks.total.Load(),
		Facts: p.facts(snapshot, now), HasLedger: p.options.Entries != nil, LedgerProblem: err != nil,
	}
	for _, count := range seen.posts {
		v.Posts += count
	}
	for _, count := range seen.moves {
		v.Changes += count
	}
	v.Chart = template.HTML(chart(p.recorder, seen.moments, now))
	for _, each := range slices.Backward(seen.moments) {
		v.Moments = append(v.Moments, p.line(each, now))
	}
	for _, each := range slices.Backward(p.options.Words.Story(entries, now)) {
		v.Entries = append(v.Entries, line{At: clockAt(each.At, now), Class: string(each.Kind), What: each.Text})
	}
	v.Entries = v.Entries[:min(len(v.Entries), linesShown)]
	return v
}

// arrows are those of the diagram, the last one that was taken first.
func arrows(last diagram.Edge) []arrow {
	var all []arrow
	for _, edge := range diagram.Edges() {
		taken := edge.From == last.From && edge.To == last.To
		each := arrow{edge.Origin(), string(edge.To), strings.Join(edge.Words(), ", "), taken}
		if taken {
			all = slices.Insert(all, 0, each)
		} else {
			all = append(all, each)
		}
	}
	return all
}

// words are a code such as issuer_unavailable, for people.
func words(name string) string { return strings.ReplaceAll(name, "_", " ") }

// clockAt is nil for no time. It has the day if that is not today.
func clockAt(at, now time.Time) *clock {
	if at.IsZero() {
		return nil
	}
	at = at.In(now.Location())
	layout := time.TimeOnly
	if at.Format(time.DateOnly) != now.Format(time.DateOnly) {
		layout = time.DateTime
	}
	return &clock{at.Format(layout), at.Format(time.RFC3339)}
}

// distance is how far a time is from now, in words that do not change each second.
func distance(at, now time.Time) string {
	d := at.Sub(now)
	far := inWords(d.Abs())
	switch {
	case far == "":
		return "now"
	case d > 0:
		return "in " + far
	}
	return far + " ago"
}

func inWords(d time.Duration) string {
	switch {
	case d < time.Minute:
		return ""
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", d/time.Minute)
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", d/time.Hour)
	}
	return fmt.Sprintf("%d days", d/(24*time.Hour))
}

// The bounds of what a page shows of the ledger, and of how often and how long it reads
// the file, however many clients look at the page.
const (
	entriesKept = 100
	linesShown  = 20
	ledgerAge   = time.Second
	ledgerLimit = 2 * time.Second
)

// ledgerTail is the end of the ledger, at most ledgerAge old.
type ledgerTail struct {
	read func(context.Context) ([]persist.Entry, error)
	now  func() time.Time

	mu      sync.Mutex // guards what follows, and allows one read at a time
	at      time.Time
	mark    <-chan struct{}
	entries []persist.Entry
	err     error
}

// newest returns the newest entries, the newest last. It reads them again at once for
// another mark, for then the recorder has seen something.
func (t *ledgerTail) newest(mark <-chan struct{}) ([]persist.Entry, error) {
	if t.read == nil {
		return nil, nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if age := t.now().Sub(t.at); mark == t.mark && age >= 0 && age < ledgerAge {
		return t.entries, t.err
	}
	ctx, cancel := context.WithTimeout(context.Background(), ledgerLimit)
	defer cancel()
	entries, err := t.read(ctx)
	t.entries, t.err = entries[max(0, len(entries)-entriesKept):], err
	t.at, t.mark = t.now(), mark
	return t.entries, t.err
}

package live

import (
	"fmt"
	"html/template"
	"slices"
	"strings"
	"time"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/diagram"
	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/history"
)

// view is what the page shows: text without secrets, and two drawings of it.
type view struct {
	Version string
	Label   machine.Phase
	Since   *clock
	Known   string // what is known of the login
	ToDo    string
	Diagram template.HTML
	Narrow  template.HTML // the diagram, for a screen that has no room for words in it
	Arrows  []arrow

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
	IsLast          bool
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

// fact is one member of the snapshot.
type fact struct {
	Name, Value string
	At          *clock // in place of Value
	Distance    string // of At from now
	IsBad       bool   // of a time that should not have come yet
}

// view looks at everything once.
func (p *Page) view() view {
	now, mark := p.options.Now(), p.options.Recorder.next()
	snapshot, seen := p.options.Source.Snapshot(), p.options.Recorder.record()
	entries, err := p.trail.newest(mark)
	known, toDo := p.options.Words.State(snapshot, entries, now)
	v := view{
		Version: p.options.Version, Label: snapshot.Phase, Since: clockAt(snapshot.Since, now),
		Known: known, ToDo: toDo,
		Diagram: template.HTML(diagram.SVG(snapshot.Phase, seen.last)),
		Narrow:  template.HTML(diagram.NarrowSVG(snapshot.Phase, seen.last)), Arrows: arrows(seen.last),
		Begun: clockAt(p.options.Recorder.begun, now), Today: now.Format("2006-01-02, UTC-07:00"),
		Asks:  p.options.Recorder.asks.total.Load(),
		Facts: p.facts(snapshot, now), HasLedger: p.options.Entries != nil, LedgerProblem: err != nil,
	}
	for _, count := range seen.posts {
		v.Posts += count
	}
	for _, count := range seen.moves {
		v.Changes += count
	}
	v.Chart = template.HTML(chart(p.options.Recorder, seen.moments, now))
	for _, each := range slices.Backward(seen.moments) {
		v.Moments = append(v.Moments, p.line(each, now))
	}
	for _, each := range slices.Backward(p.options.Words.Story(entries, now)) {
		v.Entries = append(v.Entries, line{At: clockAt(each.At, now), Class: string(each.Kind), What: each.Text})
	}
	v.Entries = v.Entries[:min(len(v.Entries), linesShown)]
	return v
}

// arrows are those of the diagram, the one that was taken last first.
func arrows(last diagram.Edge) []arrow {
	var all []arrow
	for _, edge := range diagram.Edges() {
		from := "any state"
		if edge.From != "" {
			from = string(edge.From)
		}
		isLast := edge.From == last.From && edge.To == last.To
		all = append(all, arrow{from, string(edge.To), strings.Join(edge.Words(), ", "), isLast})
	}
	slices.SortStableFunc(all, func(a, b arrow) int { return rank(a.IsLast) - rank(b.IsLast) })
	return all
}

func rank(isFirst bool) int {
	if isFirst {
		return 0
	}
	return 1
}

// words is a word of a closed set, for people.
func words(name string) string { return strings.ReplaceAll(name, "_", " ") }

// clockAt is nil for no time. Another day than today's is told.
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

// distance is how far a time is from now, in words that do not change each
// second.
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

// timed is a fact that is a time.
func timed(name string, at, now time.Time) fact {
	if at.IsZero() {
		return fact{Name: name}
	}
	return fact{Name: name, At: clockAt(at, now), Distance: distance(at, now)}
}

// expiry is when the access token expires, or that it has.
func expiry(s *machine.State, now time.Time) fact {
	f := timed("access token expires", s.Expiry, now)
	if s.Assess(now).Expired {
		f.Name, f.IsBad = "access token expired", true
	}
	return f
}

// facts are the members of a snapshot that say something. Of tokens there are
// fingerprints: those that the ledger has, and that of what is handed out.
func (p *Page) facts(s *machine.State, now time.Time) []fact {
	key := s.Policy.TokenID(s.Credential)
	verdict, _ := s.Verdict()
	all := []fact{
		{Name: "state", Value: string(s.Phase)},
		timed("since", s.Since, now),
		{Name: "reason", Value: words(s.Assess(now).Reason)},
		{Name: "method", Value: string(s.Credential.Method)},
		{Name: "credential", Value: s.Credential.Fingerprint().Short()},
		{Name: "refresh token", Value: key.Short()},
		expiry(s, now),
		timed("refresh is due", s.DueAt, now),
		timed("last refresh", s.Credential.LastRefresh, now),
		{Name: "verdict", Value: p.because(verdict.Reason)},
		timed("verdict at", verdict.At, now),
		{Name: "refresh wanted", Value: p.options.Words.Cause(causeOf(s))},
		{Name: "refresh in flight", Value: count(uint64(s.Attempt), "no. %d")},
		timed("last attempt", s.LastAttempt, now),
		timed("next attempt not before", s.NotBefore, now),
		{Name: "failures in a row", Value: count(uint64(s.Failures), "%d")},
		{Name: "what stands in the way", Value: words(string(s.Blocked))},
		{Name: "access token refused", Value: yes(s.Rejected)},
		{Name: "in doubt", Value: yes(s.InDoubt)},
		{Name: "unsaved", Value: yes(s.IsUnsaved())},
	}
	return slices.DeleteFunc(all, func(f fact) bool { return f.Value == "" && f.At == nil })
}

// causeOf is why a refresh is wanted; it was, once one is no more.
func causeOf(s *machine.State) machine.Cause {
	if s.Phase != machine.Stale {
		return ""
	}
	return s.Cause
}

func count(n uint64, format string) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(format, n)
}

func yes(is bool) string {
	if is {
		return "yes"
	}
	return ""
}

// because is a verdict in words, "" for none.
func (p *Page) because(reason history.Reason) string {
	if reason == "" {
		return ""
	}
	return p.options.Words.Reason(reason)
}

// ended is what came of a post, for people.
var ended = map[outcome]string{
	granted: "Refreshed", refused: "Refresh refused", unavailable: "Refresh failed: the issuer is unavailable", lost: "Refresh failed: its answer was lost",
}

// line is a moment in words.
func (p *Page) line(m moment, now time.Time) line {
	l := line{At: clockAt(m.at, now)}
	switch m.kind {
	case isPost:
		l.Class, l.What = "post "+string(m.outcome), ended[m.outcome]
		l.More = joined(p.because(m.reason), p.options.Words.Cause(m.cause), "one post, "+inShort(m.took))
	case isRevocation:
		l.Class, l.What, l.More = "post", "Told the issuer of a logout", inShort(m.took)
	case isChange:
		l.Class, l.What, l.More = "change", fmt.Sprintf("%s → %s", m.from.Phase, m.to.Phase), p.reason(m.to)
		if m.from.Phase == m.to.Phase {
			l.What = fmt.Sprintf("%s, still", m.to.Phase)
			if m.to.Reason == "" && m.from.Reason != "" {
				l.More = "nothing stands in the way any more"
			}
		}
	}
	return l
}

// reason is why a login is in its state, in words.
func (p *Page) reason(a machine.Assessment) string {
	if a.Phase == machine.Poisoned {
		return p.because(history.Reason(a.Reason))
	}
	return words(a.Reason)
}

func inShort(d time.Duration) string { return d.Round(time.Millisecond).String() }

func joined(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(p string) bool { return p == "" }), ", ")
}

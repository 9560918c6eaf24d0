package inspect

import (
	"cmp"
	"fmt"
	"html/template"
	"slices"
	"strings"
	"time"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/diagram"
	"github.com/bezoar-auth/bezoar/store"
)

// view is what the page shows: text without secrets, and two drawings of it.
type view struct {
	Version string
	Label   machine.Label
	Since   *clock
	Because string // why it is in this state; "" if that needs no reason
	ToDo    string
	Diagram template.HTML

	Begun       *clock
	Asks        uint64
	Posts       int
	Transitions int
	Chart       template.HTML
	Moments     []line // the newest first

	Facts []fact

	HasLedger     bool
	LedgerProblem bool
	Entries       []line // the newest first
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
}

// view looks at everything once.
func (p *Page) view() view {
	now, mark := p.options.Now(), p.options.Recorder.next()
	snapshot, seen := p.options.Source.Snapshot(), p.options.Recorder.record()
	health := snapshot.Assess(now)
	v := view{
		Version: p.options.Version, Label: snapshot.Label, Since: clockAt(snapshot.Since, now),
		Because: words(health.Reason), ToDo: toDo(health.Action),
		Diagram: template.HTML(diagram.SVG(snapshot.Label, seen.last)),
		Begun:   clockAt(p.options.Recorder.begun, now), Asks: p.options.Recorder.asks.total.Load(),
		Facts: facts(snapshot, now), HasLedger: p.options.Entries != nil,
	}
	for _, count := range seen.posts {
		v.Posts += count
	}
	for _, count := range seen.moves {
		v.Transitions += count
	}
	v.Chart = template.HTML(chart(p.options.Recorder.asks.lately(now), seen.moments, now))
	for _, each := range slices.Backward(seen.moments) {
		v.Moments = append(v.Moments, each.line(now))
	}
	entries, err := p.trail.newest(mark)
	v.LedgerProblem = err != nil
	for _, each := range slices.Backward(entries) {
		v.Entries = append(v.Entries, entryLine(each, now))
	}
	return v
}

// words is a word of a closed set, for people.
func words(name string) string { return strings.ReplaceAll(name, "_", " ") }

func toDo(action machine.Action) string {
	switch action {
	case machine.ActionNone:
		return "Nothing to do."
	case machine.ActionWait:
		return "Wait: it is tried again without you."
	case machine.ActionLogin:
		return "A login is needed: bezoar login"
	case machine.ActionOperator:
		return "This machine needs somebody: bezoar doctor"
	}
	return words(string(action))
}

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

// facts are the members of a snapshot that say something. Of tokens there are
// fingerprints: those that the ledger has, and that of what is handed out.
func facts(s *machine.State, now time.Time) []fact {
	key := s.Policy.KeyOf(s.Credential)
	verdict, _ := s.Verdict()
	all := []fact{
		{Name: "state", Value: string(s.Label)},
		{Name: "since", At: clockAt(s.Since, now)},
		{Name: "reason", Value: words(s.Assess(now).Reason)},
		{Name: "method", Value: string(s.Credential.Method)},
		{Name: "credential", Value: s.Credential.Fingerprint().Short()},
		{Name: "refresh token", Value: key.Short()},
		{Name: "access token expires", At: clockAt(s.Expiry, now)},
		{Name: "refresh is due", At: clockAt(s.DueAt, now)},
		{Name: "last refresh", At: clockAt(s.Credential.LastRefresh, now)},
		{Name: "verdict", Value: words(string(verdict.Reason))},
		{Name: "verdict at", At: clockAt(verdict.At, now)},
		{Name: "refresh wanted because", Value: words(string(causeOf(s)))},
		{Name: "refresh in flight", Value: count(uint64(s.Attempt), "no. %d")},
		{Name: "last attempt", At: clockAt(s.LastAttempt, now)},
		{Name: "not before", At: clockAt(s.NotBefore, now)},
		{Name: "failures in a row", Value: count(uint64(s.Failures), "%d")},
		{Name: "trouble", Value: words(string(s.Trouble))},
		{Name: "access token refused", Value: yes(s.Rejected)},
		{Name: "in doubt", Value: yes(s.InDoubt)},
		{Name: "unsaved", Value: yes(s.IsUnsaved())},
	}
	return slices.DeleteFunc(all, func(f fact) bool { return f.Value == "" && f.At == nil })
}

// causeOf is why a refresh is wanted; it was, once one is no more.
func causeOf(s *machine.State) machine.Cause {
	if s.Label != machine.Stale {
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

// line is a moment in words.
func (m moment) line(now time.Time) line {
	l := line{At: clockAt(m.at, now)}
	switch m.kind {
	case isPost:
		l.Class, l.What = "post "+string(m.outcome), "Posted a refresh: "+string(m.outcome)
		l.More = joined(words(string(m.reason)), words(string(m.cause)), inShort(m.took))
	case isRevocation:
		l.Class, l.What, l.More = "post", "Told the issuer of a logout", inShort(m.took)
	case isChange:
		l.Class, l.What = "change", fmt.Sprintf("%s → %s", m.from.Label, m.to.Label)
		if m.from.Label == m.to.Label {
			l.What = fmt.Sprintf("%s: %s", m.to.Label, cmp.Or(words(m.to.Reason), "as usual"))
			break
		}
		l.More = words(m.to.Reason)
	}
	return l
}

func inShort(d time.Duration) string { return d.Round(time.Millisecond).String() }

func joined(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(p string) bool { return p == "" }), ", ")
}

// entryLine is an entry of the ledger in words.
func entryLine(e store.Entry, now time.Time) line {
	l := line{At: clockAt(e.At, now), Class: string(e.Kind), What: string(e.Kind)}
	if e.Key != "" {
		l.What += " " + e.Key.Short()
	}
	if e.Next != "" {
		l.What += " → " + e.Next.Short()
	}
	until := ""
	if at := clockAt(e.NotBefore, now); at != nil {
		until = "not before " + at.Shown
	}
	l.More = joined(words(string(e.Reason)), words(string(e.Cause)), string(e.Method), until, fmt.Sprintf("process %d", e.PID))
	return l
}

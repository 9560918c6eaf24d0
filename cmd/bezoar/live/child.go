package live

import (
	"slices"
	"strings"
	"time"

	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/protocol/front"
	"github.com/bezoar-auth/bezoar/protocol/legible"
)

// Child is what a page knows of the child of one connection. Have it with
// [Server.Child]. Its methods may be called concurrently, and none of them waits. Those of
// a nil Child do nothing.
type Child struct {
	recorder *recorder
	counts   func() front.Counts

	childFacts // guarded by the recorder's mutex
}

// childFacts are what a child has said of itself and what was observed of it.
type childFacts struct {
	begun   time.Time
	pid     int
	version string // "" until it is known
	client  string // "" until it introduces itself

	isReady bool
	isOver  bool
	login   secret.Fingerprint // that it was given last; "" if it is signed out
	moments []childMoment      // the newest last
}

// childMoment is an event with its time.
type childMoment struct {
	at time.Time
	front.Event
}

// Of each child the newest moments are kept, and of the children that have ended the
// newest.
const (
	childMomentsKept = 12
	childrenOverKept = 3
	clientBytesShown = 80
)

// Child returns the record of a child that was just started. counts are asked for
// whenever the page is looked at. It is nil for a nil Server.
func (s *Server) Child(pid int, counts func() front.Counts) *Child {
	if s == nil {
		return nil
	}
	r := s.recorder
	c := &Child{recorder: r, counts: counts, childFacts: childFacts{begun: r.now(), pid: pid}}
	r.update(func() { r.children = append(r.children, c) })
	return c
}

// Is notes the child's version.
func (c *Child) Is(version string) {
	if c != nil {
		c.recorder.update(func() { c.version = version })
	}
}

// Observe notes an event.
func (c *Child) Observe(e front.Event) {
	if c != nil {
		at := c.recorder.now()
		c.recorder.update(func() { c.take(childMoment{at, e}) })
	}
}

func (c *Child) take(m childMoment) {
	switch m.Kind {
	case front.ClientMet:
		c.client = legible.Line(m.Detail)
		c.client = strings.ToValidUTF8(c.client[:min(len(c.client), clientBytesShown)], "")
		return
	case front.ChildReady:
		c.isReady = true
	case front.Pushed, front.Renewed:
		c.login = m.Access
	case front.SignedOut:
		c.login = ""
	}
	c.moments = append(c.moments, m)
	if len(c.moments) > childMomentsKept {
		c.moments = slices.Delete(c.moments, 0, 1)
	}
}

// End notes that the connection and its child are over.
func (c *Child) End() {
	if c == nil {
		return
	}
	last := c.counts()
	c.recorder.update(func() {
		last.Waiting, last.Open = 0, 0
		c.isOver, c.counts = true, func() front.Counts { return last }
		c.recorder.forgetOld()
	})
}

// forgetOld keeps the newest children of those that are over. What they counted stays.
func (r *recorder) forgetOld() {
	over := 0
	for i, each := range slices.Backward(r.children) {
		if !each.isOver {
			continue
		}
		if over++; over > childrenOverKept {
			r.gone = sum(r.gone, each.counts())
			r.children = slices.Delete(r.children, i, i+1)
		}
	}
}

func sum(a, b front.Counts) front.Counts {
	return front.Counts{
		ToChild: a.ToChild + b.ToChild, ToClient: a.ToClient + b.ToClient, Pushes: a.Pushes + b.Pushes,
		Renewals: a.Renewals + b.Renewals, Refused: a.Refused + b.Refused, Waiting: a.Waiting + b.Waiting, Open: a.Open + b.Open,
	}
}

// childSeen is a copy of what is known of a child.
type childSeen struct {
	childFacts
	front.Counts
}

// childrenSeen are the children, the newest first, and what all of them have counted.
func (r *recorder) childrenSeen() (all []childSeen, total front.Counts) {
	r.mu.Lock()
	total = r.gone
	var counters []func() front.Counts
	for _, each := range slices.Backward(r.children) {
		seen := childSeen{childFacts: each.childFacts}
		seen.moments = slices.Clone(seen.moments)
		all, counters = append(all, seen), append(counters, each.counts)
	}
	r.mu.Unlock() // a front that counts may be about to tell the recorder something
	for i, counts := range counters {
		all[i].Counts = counts()
		total = sum(total, all[i].Counts)
	}
	return all, total
}

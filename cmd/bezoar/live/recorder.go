package live

import (
	"context"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/diagram"
	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/endpoint"
	"github.com/bezoar-auth/bezoar/machine/engine"
	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/protocol/front"
)

// recorder remembers what happened, as far back as a page shows it, and counts all of
// it. Its methods may be called concurrently, and none of them waits.
type recorder struct {
	now   func() time.Time
	begun time.Time
	asks  asks

	mu      sync.Mutex // guards what follows
	moments []moment   // the newest last
	posts   map[outcome]int
	moves   map[move]int
	last    diagram.Edge  // which the newest change took
	news    chan struct{} // closed when there is more to see

	children []*Child     // the newest last
	gone     front.Counts // of the children that are not kept any more
}

// momentsKept bounds the timeline; the oldest go first.
const momentsKept = 60

// moment is one thing that happened.
type moment struct {
	at   time.Time
	kind kind

	from, to machine.Assessment // of a change

	cause   endpoint.Cause // of a post
	outcome outcome
	reason  history.Reason
	took    time.Duration
}

// move is a change of the phase.
type move struct{ from, to machine.Phase }

type kind int

const (
	change kind = iota
	post
	revocation
)

// outcome is how a post ended, in words for people and for Prometheus.
type outcome string

const (
	granted     outcome = "granted"
	refused     outcome = "refused"
	unavailable outcome = "unavailable"
	notAccepted outcome = "misconfigured"
	loginNeeded outcome = "login_needed"
	lost        outcome = "lost" // the issuer may have granted new tokens, and no answer came
)

var outcomes = []outcome{granted, refused, notAccepted, loginNeeded, unavailable, lost}

// newRecorder makes a recorder whose clock is now, nil for time.Now.
func newRecorder(now func() time.Time) *recorder {
	if now == nil {
		now = time.Now
	}
	return &recorder{
		now: now, begun: now(),
		posts: map[outcome]int{}, moves: map[move]int{}, news: make(chan struct{}),
	}
}

// asked counts one client that asked for its status.
func (r *recorder) asked() { r.asks.add(r.now()) }

// watched passes everything on to an issuer, and records its posts.
type watched struct {
	issuer   engine.AuthorizationServer
	recorder *recorder
}

func (w watched) Refresh(ctx context.Context, issuer machine.Issuer, token secret.Token, cause endpoint.Cause) endpoint.Answer {
	m := moment{at: w.recorder.now(), kind: post, cause: cause}
	answer := w.issuer.Refresh(ctx, issuer, token, cause)
	m.took = w.recorder.now().Sub(m.at)
	m.outcome, m.reason = outcomeOf(answer)
	w.recorder.add(m)
	return answer
}

// Prepare passes on what the issuer prepares, if it does.
func (w watched) Prepare(ctx context.Context, issuer machine.Issuer, made machine.Provenance) (func(context.Context) context.Context, endpoint.Answer) {
	if preparer, ok := w.issuer.(engine.Preparer); ok {
		return preparer.Prepare(ctx, issuer, made)
	}
	return nil, nil
}

func (w watched) Revoke(ctx context.Context, issuer machine.Issuer, login machine.Credential) error {
	m := moment{at: w.recorder.now(), kind: revocation}
	err := w.issuer.Revoke(ctx, issuer, login)
	m.took = w.recorder.now().Sub(m.at)
	w.recorder.add(m)
	return err
}

func outcomeOf(answer endpoint.Answer) (outcome, history.Reason) {
	switch answer := answer.(type) {
	case endpoint.Issued:
		return granted, ""
	case endpoint.Refused:
		return refused, answer.Reason
	case endpoint.Misconfigured:
		return notAccepted, ""
	case endpoint.LoginNeeded:
		return loginNeeded, ""
	case endpoint.Unavailable:
		if answer.Lost {
			return lost, ""
		}
	}
	return unavailable, ""
}

// changed records a change of the state. It subscribes to the engine.
func (r *recorder) changed(from, to machine.Snapshot) {
	r.mu.Lock()
	if from.Phase() != to.Phase() {
		r.moves[move{from.Phase(), to.Phase()}]++
	}
	r.last = edgeOf(from, to)
	r.mu.Unlock()
	now := r.now()
	r.add(moment{at: now, kind: change, from: from.Assess(now), to: to.Assess(now)})
}

// edgeOf is the arrow of the picture that a change took. The arrows from every state
// are for a credential that this state's own refresh did not bring.
func edgeOf(from, to machine.Snapshot) diagram.Edge {
	refreshed := from.Attempt() != 0 && to.RefreshedAt().After(from.RefreshedAt())
	if !refreshed && !to.SameLogin(from) {
		return diagram.Edge{To: to.Phase()}
	}
	return diagram.Edge{From: from.Phase(), To: to.Phase()}
}

func (r *recorder) add(m moment) {
	r.update(func() {
		if m.kind == post {
			r.posts[m.outcome]++
		}
		r.moments = append(r.moments, m)
		if len(r.moments) > momentsKept {
			r.moments = slices.Delete(r.moments, 0, 1)
		}
	})
}

// update changes what is kept, and says that there is more to see.
func (r *recorder) update(change func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change()
	close(r.news)
	r.news = make(chan struct{})
}

// record is a copy of what a recorder saw.
type record struct {
	moments []moment
	posts   map[outcome]int
	moves   map[move]int
	last    diagram.Edge
}

func (r *recorder) record() record {
	r.mu.Lock()
	defer r.mu.Unlock()
	return record{slices.Clone(r.moments), maps.Clone(r.posts), maps.Clone(r.moves), r.last}
}

// next returns a channel that is closed when there is more to see than now.
func (r *recorder) next() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.news
}

// secondsKept is how far back the asks are counted by the second.
const secondsKept = 300

// asks counts by the second, without a lock and without a goroutine. The upper half of
// a slot is a second, and the lower half how many asked in it: a slot that another
// second takes begins anew.
type asks struct {
	total atomic.Uint64
	slots [secondsKept]atomic.Uint64
}

func (a *asks) add(at time.Time) {
	second := at.Unix()
	slot := &a.slots[uint64(second)%secondsKept]
	for {
		old := slot.Load()
		next := old + 1
		if old>>32 != uint64(uint32(second)) {
			next = uint64(uint32(second))<<32 | 1
		}
		if slot.CompareAndSwap(old, next) {
			break
		}
	}
	a.total.Add(1)
}

// lately is how many asked in each of the last seconds; the last one is now.
func (a *asks) lately(now time.Time) [secondsKept]uint32 {
	var counts [secondsKept]uint32
	for i := range counts {
		second := now.Unix() - int64(secondsKept-1-i)
		if slot := a.slots[uint64(second)%secondsKept].Load(); slot>>32 == uint64(uint32(second)) {
			counts[i] = uint32(slot)
		}
	}
	return counts
}

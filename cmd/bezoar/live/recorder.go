package live

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/diagram"
	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/engine"
	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/machine/secret"
)

// Recorder remembers what happened, as far back as a page shows it, and counts
// all of it. Its methods may be called concurrently, and none of them waits.
type Recorder struct {
	now   func() time.Time
	begun time.Time
	asks  asks

	mu      sync.Mutex // guards what follows; nobody waits while holding it
	moments []moment   // the newest last
	posts   map[outcome]int
	moves   map[move]int // changes of the label
	last    diagram.Edge
	news    chan struct{} // closed when there is more to see
}

// momentsKept bounds the timeline; the oldest go first.
const momentsKept = 60

// moment is one thing that happened.
type moment struct {
	at   time.Time
	kind kind

	from, to machine.Assessment // of a change

	cause   machine.Cause // of a post
	outcome outcome
	reason  history.Reason
	took    time.Duration
}

// move is a change of the label.
type move struct{ from, to machine.Phase }

type kind int

const (
	isChange kind = iota
	isPost
	isRevocation
)

// outcome is what came of a post, in words for people and for Prometheus.
type outcome string

const (
	granted     outcome = "granted"
	refused     outcome = "refused"
	unavailable outcome = "unavailable"
	lost        outcome = "lost" // unavailable, and there may have been a grant
)

var outcomes = []outcome{granted, refused, unavailable, lost}

// NewRecorder makes a recorder. now is its clock, nil for time.Now.
func NewRecorder(now func() time.Time) *Recorder {
	if now == nil {
		now = time.Now
	}
	return &Recorder{
		now: now, begun: now(),
		posts: map[outcome]int{}, moves: map[move]int{}, news: make(chan struct{}),
	}
}

// Asked counts one client that asked for its status.
func (r *Recorder) Asked() { r.asks.add(r.now()) }

// Watch is an issuer that passes everything on to issuer, and whose posts are
// recorded: when, why, how long and how they ended, without the tokens.
func (r *Recorder) Watch(issuer engine.AuthorizationServer) engine.AuthorizationServer {
	return watched{issuer, r}
}

type watched struct {
	issuer   engine.AuthorizationServer
	recorder *Recorder
}

func (w watched) Refresh(ctx context.Context, issuer machine.Issuer, token secret.Token, cause machine.Cause) machine.Answer {
	post := moment{at: w.recorder.now(), kind: isPost, cause: cause}
	answer := w.issuer.Refresh(ctx, issuer, token, cause)
	post.took = w.recorder.now().Sub(post.at)
	post.outcome, post.reason = outcomeOf(answer)
	w.recorder.add(post)
	return answer
}

func (w watched) Revoke(ctx context.Context, issuer machine.Issuer, login machine.Credential) error {
	revocation := moment{at: w.recorder.now(), kind: isRevocation}
	err := w.issuer.Revoke(ctx, issuer, login)
	revocation.took = w.recorder.now().Sub(revocation.at)
	w.recorder.add(revocation)
	return err
}

func outcomeOf(answer machine.Answer) (outcome, history.Reason) {
	switch answer := answer.(type) {
	case machine.Issued:
		return granted, ""
	case machine.Refused:
		return refused, answer.Reason
	case machine.Unavailable:
		if answer.Lost {
			return lost, ""
		}
	}
	return unavailable, ""
}

// changed records a change; it is what an engine's subscriber is.
func (r *Recorder) changed(from, to *machine.State) {
	r.mu.Lock()
	if from.Phase != to.Phase {
		r.moves[move{from.Phase, to.Phase}]++
	}
	r.last = edgeOf(from, to)
	r.mu.Unlock()
	now := r.now()
	r.add(moment{at: now, kind: isChange, from: from.Assess(now), to: to.Assess(now)})
}

// edgeOf is the arrow of the picture that was taken. Those from every state are
// for a credential that did not come out of this state's own refresh.
func edgeOf(from, to *machine.State) diagram.Edge {
	isRefreshed := from.Attempt != 0 && to.RefreshedAt.After(from.RefreshedAt)
	isOther := !to.Credential.Equal(from.Credential)
	if isOther && !isRefreshed {
		return diagram.Edge{To: to.Phase}
	}
	return diagram.Edge{From: from.Phase, To: to.Phase}
}

func (r *Recorder) add(m moment) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if m.kind == isPost {
		r.posts[m.outcome]++
	}
	r.moments = append(r.moments, m)
	if len(r.moments) > momentsKept {
		r.moments = slices.Delete(r.moments, 0, 1)
	}
	close(r.news)
	r.news = make(chan struct{})
}

// record is a copy of what there is to see.
type record struct {
	moments []moment
	posts   map[outcome]int
	moves   map[move]int
	last    diagram.Edge
}

func (r *Recorder) record() record {
	r.mu.Lock()
	defer r.mu.Unlock()
	return record{slices.Clone(r.moments), maps.Clone(r.posts), maps.Clone(r.moves), r.last}
}

// next is closed when there is more to see than now.
func (r *Recorder) next() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.news
}

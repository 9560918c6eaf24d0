package front

import (
	"sync/atomic"
	"time"

	"github.com/bezoar-auth/bezoar/machine/secret"
)

// Kind says what an [Event] is.
type Kind string

// The kinds of events.
const (
	ClientMet    Kind = "client"  // the client introduced itself: Detail is its name and version
	ChildReady   Kind = "ready"   // the child has its first login and takes requests
	Pushed       Kind = "pushed"  // the child was given a login
	SignedOut    Kind = "out"     // the child was signed out
	PushRefused  Kind = "refused" // the child did not take a login: Detail
	Renewed      Kind = "renewed" // the child asked for a token in place of a refused one, and got it
	NotRenewed   Kind = "stuck"   // it asked and there was none: Detail
	Refused      Kind = "no"      // a request of the client was refused: Method, Detail
	ChildGarbage Kind = "garbage" // the child wrote what is no message
	ChildFailed  Kind = "failed"  // the child cannot be used or has ended: Detail
)

// Event is something that happened between bezoar and the child. It holds no secret.
type Event struct {
	Kind   Kind
	Method string             // of the request
	Access secret.Fingerprint // of the token or key
	Detail string             // for a user
	Took   time.Duration      // of Pushed and SignedOut: until the child acknowledged it; of Renewed and NotRenewed: until it was answered
}

// Counts are how many messages have passed.
type Counts struct {
	ToChild  uint64 // requests, notifications and answers of the client
	ToClient uint64
	Pushes   uint64
	Renewals uint64 // requests of the child for another token, answered or not
	Refused  uint64
	Waiting  uint64 // requests and notifications that have not gone to the child yet
	Open     uint64 // requests that the child has not answered
}

type counts struct{ toChild, toClient, pushes, renewals, refused atomic.Uint64 }

// Counts are those up to now.
func (f *Front) Counts() Counts {
	c := &f.counts
	waiting, open := f.queue.lengths()
	return Counts{c.toChild.Load(), c.toClient.Load(), c.pushes.Load(), c.renewals.Load(), c.refused.Load(), waiting, open}
}

func (f *Front) observe(e Event) {
	switch e.Kind {
	case Pushed, SignedOut:
		f.counts.pushes.Add(1)
	case Renewed, NotRenewed:
		f.counts.renewals.Add(1)
	case Refused:
		f.counts.refused.Add(1)
	}
	if f.o.Observe != nil {
		f.o.Observe(e)
	}
}

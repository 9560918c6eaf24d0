package issuer

import (
	"context"
	"net/http"
	"time"
)

// Call is the kind of a request, by which scripts and records name it.
type Call string

// The calls.
const (
	Refresh       Call = "refresh"
	Exchange      Call = "exchange of a code"
	KeyExchange   Call = "exchange for an API key"
	OtherGrant    Call = "unknown grant"
	Revoke        Call = "revocation"
	Authorize     Call = "authorization page"
	Consent       Call = "consent"
	UserCode      Call = "device user code"
	DevicePoll    Call = "device poll"
	DevicePage    Call = "device page"
	DeviceConsent Call = "device consent"
	KeySet        Call = "keys"
	Metadata      Call = "metadata"
)

func callOf(grantType string) Call {
	switch grantType {
	case grantRefresh:
		return Refresh
	case grantCode:
		return Exchange
	case grantTokenExchange:
		return KeyExchange
	case grantDevice:
		return DevicePoll
	}
	return OtherGrant
}

// Step says how one request is answered. The zero Step is the issuer's own answer.
type Step struct {
	// Status, if not 0, and Header and Body replace the issuer's own answer. It
	// then does no work (no token is spent) unless Work is set.
	Status int
	Header http.Header
	Body   string
	Work   bool

	Before Pause // before the work
	After  Pause // after the work and before the answer
	Drop   Drop
}

// Pause is a wait: for some time, then until a channel is closed. If the client gives up,
// the pause and the request end.
type Pause struct {
	For   time.Duration
	Until <-chan struct{}
}

// Drop is the place where a connection breaks.
type Drop int

// The places.
const (
	DropNothing Drop = iota
	DropRequest      // before the work: the token is not spent
	DropAnswer       // after the work: the token is spent, and its successor is lost
	DropHalf         // in the middle of the answer's body
)

// Script adds steps for the next requests of a kind, one each, behind those that were
// scripted before.
func (i *Issuer) Script(call Call, steps ...Step) {
	i.mu.Lock()
	defer i.mu.Unlock()
	line := i.script.of(call)
	line.next = append(line.next, steps...)
}

// Always sets the step of every request of a kind for which none is scripted. The zero Step
// ends it.
func (i *Issuer) Always(call Call, step Step) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.script.of(call).always = step
}

// script has the steps to come, by call.
type script map[Call]*line

type line struct {
	next   []Step
	always Step
}

func (s script) of(call Call) *line {
	if s[call] == nil {
		s[call] = &line{}
	}
	return s[call]
}

func (s script) next(call Call) Step {
	line := s.of(call)
	if len(line.next) == 0 {
		return line.always
	}
	step := line.next[0]
	line.next = line.next[1:]
	return step
}

// Wait waits, and reports whether the pause came to its end before ctx did.
func (p Pause) Wait(ctx context.Context) bool {
	if p.For > 0 {
		timer := time.NewTimer(p.For)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
	}
	if p.Until != nil {
		select {
		case <-p.Until:
		case <-ctx.Done():
		}
	}
	return ctx.Err() == nil
}

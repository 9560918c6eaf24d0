package mcp

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/bezoar-auth/bezoar/machine/evidence"
	"github.com/bezoar-auth/bezoar/protocol/outbound"
)

const (
	// resumptions is how often in a row a broken stream is taken up again without anything
	// new in it, before its answer is given up for lost.
	resumptions = 5
	// lingerLimit is how long a stream may go on behind its answer.
	lingerLimit = time.Second
)

// follow reads the stream that answers a request. When it breaks before the answer, it is
// taken up behind its last event, if the server gives events a name (Streamable HTTP,
// Resumability and Redelivery).
func (p *Proxy) follow(m *message, s session, response *http.Response, take taker) *fault {
	at, header, body := place{}, response.Header, response.Body
	for tries := 0; ; {
		answered, err := p.read(body, &at, func(line []byte) bool { return take(line, header) })
		switch {
		case answered:
			return nil
		case errors.Is(err, errEventTooLong):
			return tooLongFault(p.o.LimitBytes)
		case m.ctx.Err() != nil:
			return faultOf(reasonNetwork, "the request was given up")
		case at.lastID == "" || m.isModern():
			return lostFault(problemOf(m.ctx, err))
		}
		if at.moved {
			tries = 0
		}
		for body = nil; body == nil; tries++ {
			if tries == resumptions {
				return lostFault(problemOf(m.ctx, err))
			}
			if await(m.ctx, time.After(at.delay(tries))) != nil {
				return faultOf(reasonNetwork, "the request was given up")
			}
			var f *fault
			if body, f = p.open(m.ctx, s, at.lastID); f != nil && !f.isPassing() {
				return f
			}
		}
	}
}

// problemOf is why a stream has ended. That it just ended is a broken connection here: its
// answer has not come.
func problemOf(ctx context.Context, err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		return evidence.ProblemConnectionBroken
	}
	return outbound.ProblemOf(ctx, err)
}

// place is how far a stream was read.
type place struct {
	lastID string
	retry  time.Duration // that the server asked for before a resumption; 0 for none
	moved  bool          // an event came since it was opened last
}

const (
	firstDelay = time.Second
	lastDelay  = time.Minute
)

// delay is the time before a stream is opened again, after some tries in vain. It has a
// quarter of jitter: many clients lose a server at once.
func (at place) delay(tries int) time.Duration {
	delay := firstDelay
	if at.retry > 0 {
		delay = at.retry
	}
	for range tries {
		delay = min(2*delay, max(lastDelay, at.retry))
	}
	return delay + time.Duration(rand.Int64N(int64(delay)/4+1))
}

// read reads a stream to its end, and closes it. Behind the answer it reads for a second
// more.
func (p *Proxy) read(body io.ReadCloser, at *place, take func(line []byte) bool) (answered bool, err error) {
	defer body.Close()
	e := newEvents(body, p.o.LimitBytes, at.lastID)
	for {
		var line []byte
		if line, err = e.next(); err != nil {
			break
		}
		if take(line) && !answered {
			answered = true
			defer time.AfterFunc(lingerLimit, func() { body.Close() }).Stop()
		}
	}
	at.lastID, at.moved = e.lastID, e.count > 0
	if e.retry > 0 {
		at.retry = e.retry
	}
	return answered, err
}

// open opens a stream of a session with GET, once more with another token after a 401. With
// lastID it goes on behind that event.
func (p *Proxy) open(ctx context.Context, s session, lastID string) (io.ReadCloser, *fault) {
	token, err := p.o.Login.Token(ctx)
	if err != nil {
		return nil, faultOf(reasonLogin, "%v", err)
	}
	for hasNewToken := false; ; hasNewToken = true {
		request, f := p.request(ctx, http.MethodGet, nil, token)
		if f != nil {
			return nil, f
		}
		request.Header.Set("Accept", "text/event-stream")
		s.name(request.Header)
		if lastID != "" {
			request.Header.Set(headerLastEvent, lastID)
		}
		response, err := p.o.Transport.RoundTrip(request)
		if err != nil {
			return nil, faultOf(reasonNetwork, "the server could not be asked: %v", outbound.ProblemOf(ctx, err))
		}
		switch meaningOf(response.StatusCode, response.Header, false) {
		case manyMessages:
			p.counts(token, manyMessages)
			return response.Body, nil
		case unauthorized:
			response.Body.Close()
			if token, f = p.another(ctx, token, hasNewToken, response.Header); f != nil {
				return nil, f
			}
		default:
			response.Body.Close()
			return nil, refusedFault(response.StatusCode, response.Header, nil)
		}
	}
}

// isPassing reports whether another try may have another outcome.
func (f *fault) isPassing() bool {
	return f.Reason == reasonNetwork || f.Status >= 500 || f.Status == http.StatusTooManyRequests
}

package mcp

import (
	"context"
	"net/http"
	"time"
)

// beginListening opens the stream on which the server says what is no answer (Streamable
// HTTP, Listening for Messages from the Server), in place of that of an older session.
func (p *Proxy) beginListening() {
	p.endListening()
	ctx, cancel := context.WithCancel(p.ctx)
	p.mu.Lock()
	s := p.session
	p.unlisten = cancel
	p.mu.Unlock()
	p.working.Go(func() {
		defer cancel()
		p.listen(ctx, s)
	})
}

// endListening ends the listening, if there is any.
func (p *Proxy) endListening() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.unlisten()
}

// listen keeps the stream open until ctx ends, or the server has none. While the login is
// dead it looks once a minute whether there is another one, and asks no server.
func (p *Proxy) listen(ctx context.Context, s session) {
	at, tries := place{}, 0
	for ctx.Err() == nil {
		body, f := p.open(ctx, s, at.lastID)
		switch {
		case f == nil:
			_, err := p.read(body, &at, func(line []byte) bool {
				p.incoming(line)
				return false
			})
			if at.moved {
				tries = 0
			}
			p.o.Log.Debug("the server has closed its stream", "problem", problemOf(ctx, err))
		case f.Reason == reasonLogin, f.Reason == reasonToken, f.isPassing():
		case f.Status == http.StatusMethodNotAllowed:
			return // it has no such stream, and need not have one
		default:
			p.o.Log.Warn("the server does not open its stream", "status", f.Status)
			return
		}
		_ = await(ctx, time.After(at.delay(tries)))
		tries++
	}
}

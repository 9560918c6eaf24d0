package mcp

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"time"

	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/protocol/jsonrpc"
	"github.com/bezoar-auth/bezoar/protocol/outbound"
)

// carry takes a message of the client to the server, when its turn has come, and what the
// server says to it back. sent lets the next message go.
func (p *Proxy) carry(m *message, before <-chan struct{}, sent func()) *fault {
	if await(m.ctx, before) != nil {
		return faultOf(reasonNetwork, "the proxy has ended before this was sent")
	}
	switch {
	case m.method == methodInitialize:
		sent = func() {} // what follows belongs to the session that it begins
	case !m.isRequest:
		defer time.AfterFunc(unorderedAfter, sent).Stop()
		sent = func() {}
	}
	f := p.exchange(m, sent, func(line []byte, header http.Header) (isAnswer bool) {
		answer, isAnswer := answerTo(m, line)
		if isAnswer {
			p.note(m, answer, header)
		}
		p.incoming(line)
		return isAnswer
	})
	if f == nil && m.method == methodInitialized && !m.isModern() {
		p.beginListening()
	}
	return f
}

// answerTo is what a line of the server says to a request.
func answerTo(m *message, line []byte) (jsonrpc.Answer, bool) {
	read, err := jsonrpc.Parse(line)
	answer, ok := read.(jsonrpc.Answer)
	return answer, err == nil && ok && m.isRequest && answer.ID == m.id
}

// note takes from an answer what the messages after it need.
func (p *Proxy) note(m *message, answer jsonrpc.Answer, header http.Header) {
	switch {
	case answer.Err != nil:
	case m.method == methodInitialize:
		p.begin(m, answer, header)
	case m.method == methodListTools && m.isModern():
		p.tools.learn(answer.Result)
	}
}

// begin begins a session.
func (p *Proxy) begin(opening *message, answer jsonrpc.Answer, header http.Header) {
	p.endListening()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.session = p.session.begun(opening, header, answer.Result)
}

// exchange sends a message: once more with another token after a 401, once more in a new
// session after the end of the old one, and no more. Each line of the server's answer goes
// to take, with the headers of the answer; it says which one was the answer.
func (p *Proxy) exchange(m *message, sent func(), take taker) *fault {
	token, err := p.o.Login.Token(m.ctx)
	if err != nil {
		return faultOf(reasonLogin, "%v", err)
	}
	hasNewToken, hasNewSession := false, m.beginsAgain
	for {
		s := p.now()
		response, f := p.post(m, s, token, sent)
		if f != nil {
			return f
		}
		switch meaning := meaningOf(response.StatusCode, response.Header, s.has(m)); meaning {
		case unauthorized:
			response.Body.Close()
			if token, f = p.another(m.ctx, token, hasNewToken, response.Header); f != nil {
				return f
			}
			hasNewToken = true
		case sessionEnded:
			response.Body.Close()
			if f := p.beginAgain(m.ctx, s, hasNewSession); f != nil {
				return f
			}
			hasNewSession = true
		default:
			p.counts(token, meaning)
			return p.receive(m, s, response, take)
		}
	}
}

// taker takes a line of the server, and reports whether it was the answer.
type taker func(line []byte, header http.Header) (isAnswer bool)

// another is a token in place of one that the server has answered 401 to. A second one is
// not asked for, nor is one in place of a token that was new when it was refused before:
// a server that refuses everything would cost a refresh each time.
func (p *Proxy) another(ctx context.Context, token secret.Token, isSecond bool, header http.Header) (secret.Token, *fault) {
	if p.isHopeless(token, isSecond) {
		return token, unauthorizedFault(header)
	}
	other, err := p.o.Login.Refused(ctx, token)
	if err != nil {
		return token, faultOf(reasonLogin, "%v", err)
	}
	if other.Equal(token) {
		p.isHopeless(token, true)
		return token, unauthorizedFault(header)
	}
	return other, nil
}

// isHopeless reports whether another token in place of a refused one would be refused too.
// With isNew the token is remembered as such a one.
func (p *Proxy) isHopeless(token secret.Token, isNew bool) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if isNew {
		p.hopeless = token.Fingerprint()
	}
	return p.hopeless == token.Fingerprint()
}

// counts notes that the server has taken a token, if it has: should it be refused later,
// another one may help.
func (p *Proxy) counts(token secret.Token, by meaning) {
	p.mu.Lock()
	defer p.mu.Unlock()
	isTaken := by == accepted || by == oneMessage || by == manyMessages
	if isTaken && p.hopeless == token.Fingerprint() {
		p.hopeless = ""
	}
}

// beginAgain begins a new session in place of one that the server has ended, as the client
// has begun that one (Streamable HTTP, Session Management). Of several messages that meet
// the end one does so, and the others wait for it, or until they are given up. The client
// does not notice: what it has subscribed to in the old session, it has lost.
func (p *Proxy) beginAgain(waiting context.Context, ended session, isSecond bool) *fault {
	if isSecond || ended.opening == nil {
		return faultOf(reasonSession, "the server has ended the session, and a new one at once too: start this client again")
	}
	select {
	case p.renewal <- struct{}{}:
		defer func() { <-p.renewal }()
	case <-waiting.Done():
		return faultOf(reasonSession, "the request was given up before a new session was begun")
	}
	if p.now().number != ended.number {
		return nil
	}
	opening := *ended.opening
	ctx, cancel := context.WithTimeout(p.ctx, beginLimit)
	defer cancel()
	opening.ctx, opening.beginsAgain = ctx, true
	began := false
	f := p.exchange(&opening, func() {}, func(line []byte, header http.Header) bool {
		answer, isAnswer := answerTo(&opening, line)
		if isAnswer && answer.Err == nil {
			p.begin(ended.opening, answer, header)
			began = true
		}
		return isAnswer
	})
	if f == nil && !began {
		f = faultOf(reasonSession, "it answers with an error")
	}
	if f != nil {
		f.text = "the server has ended the session, and a new one could not be begun: " + f.text
		return f
	}
	p.o.Log.Warn("the server has ended the session, and a new one was begun")
	notification := &message{method: methodInitialized, line: []byte(`{"jsonrpc":"2.0","method":"notifications/initialized"}`), ctx: ctx, beginsAgain: true}
	if f := p.exchange(notification, func() {}, func([]byte, http.Header) bool { return false }); f != nil {
		return f
	}
	p.beginListening()
	return nil
}

// beginLimit bounds the beginning of a session that no client waits for by itself.
const beginLimit = 30 * time.Second

// request is one to the server.
func (p *Proxy) request(ctx context.Context, method string, body io.Reader, token secret.Token) (*http.Request, *fault) {
	p.mu.Lock()
	p.latest = token
	p.mu.Unlock()
	request, err := p.o.Rules.NewRequest(ctx, method, p.o.Server.String(), body)
	if err != nil {
		return nil, faultOf(reasonNetwork, "the server's address cannot be asked: %v", outbound.ProblemOf(ctx, err))
	}
	request.Header.Set("Accept", "application/json, text/event-stream")
	request.Header.Set("Accept-Encoding", "identity") // a stream is read as it comes
	request.Header.Set("Authorization", "Bearer "+token.Reveal())
	request.Header.Set("User-Agent", p.o.UserAgent)
	return request, nil
}

// post sends a message once.
func (p *Proxy) post(m *message, s session, token secret.Token, sent func()) (*http.Response, *fault) {
	var wasSent atomic.Bool // a request may be written while its failure is reported
	ctx := httptrace.WithClientTrace(m.ctx, &httptrace.ClientTrace{WroteRequest: func(written httptrace.WroteRequestInfo) {
		if written.Err == nil {
			wasSent.Store(true)
			sent()
		}
	}})
	request, f := p.request(ctx, http.MethodPost, bytes.NewReader(m.line), token)
	if f != nil {
		return nil, f
	}
	request.Header.Set("Content-Type", "application/json")
	s.address(request.Header, m)
	p.tools.address(request.Header, m)
	response, err := p.o.Transport.RoundTrip(request)
	switch {
	case err == nil:
		return response, nil
	case wasSent.Load():
		return nil, lostFault(outbound.ProblemOf(ctx, err))
	}
	return nil, faultOf(reasonNetwork, "the server could not be asked: %v", outbound.ProblemOf(ctx, err))
}

func lostFault(why error) *fault {
	return faultOf(reasonLost, "the server was asked, and its answer was lost (%v): whether it has done it is not known", why)
}

// explanationBytes is how much of an error's body is read.
const explanationBytes = 1 << 20

// receive reads an answer that has to do with neither token nor session.
func (p *Proxy) receive(m *message, s session, response *http.Response, take taker) *fault {
	defer response.Body.Close()
	switch meaningOf(response.StatusCode, response.Header, false) {
	case accepted:
		return nil
	case oneMessage:
		body, err := outbound.ReadBody(response.Body, int64(p.o.LimitBytes))
		if err != nil {
			return lostFault(outbound.ProblemOf(m.ctx, err))
		}
		if len(body) == p.o.LimitBytes {
			return tooLongFault(p.o.LimitBytes)
		}
		if text := outbound.Text(body); text != "" {
			take([]byte(text), response.Header)
		}
		return nil
	case manyMessages:
		return p.follow(m, s, response, take)
	case forbidden:
		return forbiddenFault(response.Header, p.o.Relogin)
	case redirected:
		return redirectedFault(response.StatusCode, p.o.Server, response.Header.Get("Location"))
	}
	body, _ := outbound.ReadBody(response.Body, explanationBytes) // the status says enough
	return refusedFault(response.StatusCode, response.Header, body)
}

func tooLongFault(limit int) *fault {
	return faultOf(reasonServer, "the server's answer is longer than %d bytes", limit)
}

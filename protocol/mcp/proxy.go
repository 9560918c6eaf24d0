package mcp

import (
	"cmp"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/protocol/jsonrpc"
	"github.com/bezoar-auth/bezoar/protocol/outbound"
)

// Login gives the tokens of one login. Its methods may be called concurrently; they return
// when ctx ends at the latest. An error is for the user of the client: it says why there is
// no token, and what to do.
type Login interface {
	// Token is the token to send, refreshed first if it is due.
	Token(ctx context.Context) (secret.Token, error)
	// Refused reports that the server has answered 401 to a token, and returns another one, or
	// the same if that is too new to be refreshed. However many report one token, it is
	// refreshed once.
	Refused(ctx context.Context, token secret.Token) (secret.Token, error)
}

// Options configure a [Proxy]. Server, Login and Transport are required.
type Options struct {
	Server    *url.URL          // the MCP endpoint: the only address that is sent anything
	Login     Login             // whose tokens it is sent
	Transport http.RoundTripper // follows no redirect, and sends no request twice
	Rules     outbound.Rules

	// Relogin is what the user does to get a login with more scopes.
	Relogin func(scope string) string

	UserAgent  string       // "bezoar"
	LimitBytes int          // of a message, 64 MiB
	Log        *slog.Logger // discarded
}

// Proxy is a server on standard input and output that forwards to another one. Make it with
// [New]; it serves one client, once.
type Proxy struct {
	o      Options
	client *jsonrpc.Conn
	turns  *turns
	tools  tools

	ctx     context.Context // ends when nothing is asked of the server any more
	stop    context.CancelFunc
	working sync.WaitGroup // messages that are carried, and the listening

	mu       sync.Mutex // guards what follows
	session  session
	calls    map[jsonrpc.ID]*message // requests without an answer
	latest   secret.Token            // that the server was sent
	problem  string                  // of the message before, "" for none
	hopeless secret.Fingerprint      // of a token that is new and was refused: another one would be refused too
	unlisten context.CancelFunc      // ends the listening of the session

	renewal chan struct{} // has one while a message begins a new session
	closed  chan struct{} // has one when a request was answered
}

// New makes a proxy for the client that writes in and reads out. It does nothing before
// [Proxy.Serve].
func New(in io.Reader, out io.Writer, o Options) *Proxy {
	o.UserAgent = cmp.Or(o.UserAgent, "bezoar")
	o.LimitBytes = cmp.Or(o.LimitBytes, 64<<20)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	p := &Proxy{o: o, turns: newTurns(), calls: map[jsonrpc.ID]*message{}, unlisten: func() {}, closed: make(chan struct{}, 1), renewal: make(chan struct{}, 1)}
	p.ctx, p.stop = context.WithCancel(context.Background())
	// It reads on while the client does not: those who pass it a message wait.
	p.client = jsonrpc.New(in, out, jsonrpc.Options{Log: o.Log, LineLimitBytes: o.LimitBytes, ReadsOn: true, NamesVersion: true})
	return p
}

const (
	drainLimit   = 4 * time.Second // for answers that are under way when the input ends
	goodbyeLimit = time.Second     // for the end of the session, and for the client to read on
)

// Serve serves the client until its input ends, its output fails or ctx ends. After the
// input has ended, what was asked before is still answered, four seconds at most. An error
// is that of reading or writing.
func (p *Proxy) Serve(ctx context.Context) error {
	defer context.AfterFunc(ctx, func() {
		p.turns.end()
		p.client.Stop()
	})()
	err := p.client.Serve(handler{p})
	p.turns.end()
	p.drain(ctx)
	p.goodbye()
	p.stop()
	p.finish()
	return err
}

// finish waits until the client has read what there is to say, or reads no more.
func (p *Proxy) finish() {
	over, cancel := context.WithTimeout(context.Background(), goodbyeLimit)
	defer cancel()
	said := make(chan struct{})
	go func() {
		p.working.Wait()
		close(said)
	}()
	_ = await(over, said)
	_ = p.client.Close(over)
	<-said
}

// drain waits until each request that can be answered is.
func (p *Proxy) drain(ctx context.Context) {
	p.endListening()
	limit := time.NewTimer(drainLimit)
	defer limit.Stop()
	for p.isBusy() {
		select {
		case <-p.closed:
		case <-limit.C:
			return
		case <-ctx.Done():
			return
		}
	}
}

// isBusy reports whether a request waits for its answer. A subscription waits for ever.
func (p *Proxy) isBusy() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, m := range p.calls {
		if m.method != methodListen {
			return true
		}
	}
	return false
}

// goodbye ends the session at the server, which may have none, or not want to know.
func (p *Proxy) goodbye() {
	p.mu.Lock()
	s, token := p.session, p.latest // which may have expired: the end is worth no refresh
	p.mu.Unlock()
	if s.id == "" {
		return
	}
	ctx, cancel := context.WithTimeout(p.ctx, goodbyeLimit)
	defer cancel()
	request, f := p.request(ctx, http.MethodDelete, nil, token)
	if f != nil {
		return
	}
	s.name(request.Header)
	if response, err := p.o.Transport.RoundTrip(request); err == nil {
		response.Body.Close()
	}
}

// now is the session at this moment.
func (p *Proxy) now() session {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.session
}

// handler gets the lines of the client.
type handler struct{ *Proxy }

func (h handler) Request(r jsonrpc.Request) {
	m := requestOf(r)
	if !h.register(m) {
		h.client.ReplyError(r.ID, &jsonrpc.Error{Code: jsonrpc.CodeInvalidRequest, Message: "a request with this id waits for its answer"})
		return
	}
	h.forward(m)
}

func (h handler) Notification(n jsonrpc.Notification) {
	m := notificationOf(n)
	if m.method == methodCancelled && h.forget(m.cancels()) {
		return
	}
	h.forward(m)
}

func (h handler) Answer(a jsonrpc.Answer) {
	h.forward(notificationOf(jsonrpc.Notification{Line: a.Line}))
}

// register notes that a request waits for its answer. It is false if its id waits already.
func (p *Proxy) register(m *message) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.calls[m.id] != nil {
		return false
	}
	p.calls[m.id] = m
	m.ctx, m.cancel = context.WithCancel(p.ctx)
	return true
}

// cancelledLimit is for how long a server may go on with a request that was cancelled.
const cancelledLimit = 10 * time.Second

// forget sees to it that a cancelled request has no answer any more, and reports whether
// the server knows by now that it is cancelled: one that stands for itself is cancelled by
// the end of its connection, and any other one by the notification.
func (p *Proxy) forget(id string) (isDone bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for each, m := range p.calls {
		if each.String() != id {
			continue
		}
		delete(p.calls, each)
		if m.isModern() {
			m.cancel()
			return true
		}
		time.AfterFunc(cancelledLimit, m.cancel)
	}
	return false
}

// unorderedAfter is when the next message goes to the server although a notification has no
// answer yet.
const unorderedAfter = 5 * time.Second

// forward sends a message on its way. A request lets the next message go when it was sent,
// and one that has no answer when the server has it.
func (p *Proxy) forward(m *message) {
	if m.ctx == nil {
		m.ctx, m.cancel = context.WithCancel(p.ctx)
	}
	before, sent := p.turns.take(len(m.line))
	p.working.Go(func() {
		defer m.cancel()
		defer sent()
		f := p.carry(m, before, sent)
		p.conclude(m, f)
	})
}

// conclude answers a request that has no answer by now.
func (p *Proxy) conclude(m *message, f *fault) {
	p.logged(m, f)
	if !m.isRequest || !p.close(m.id, m) {
		return
	}
	if f == nil {
		f = faultOf(reasonServer, "the server has not answered this request")
	}
	p.client.AwaitRoom()
	p.client.Pass(f.line(m.id))
}

// logged logs a fault, unless it is the one of the message before: that of a dead login is
// that of each message.
func (p *Proxy) logged(m *message, f *fault) {
	text := ""
	if f != nil {
		text = f.text
	}
	p.mu.Lock()
	isNew := text != p.problem
	p.problem = text
	p.mu.Unlock()
	if isNew && f != nil && p.ctx.Err() == nil {
		p.o.Log.Warn("no answer", "method", m.method, "reason", f.Reason, "status", f.Status, "problem", f.text)
	}
}

// close notes that a request is answered, and reports whether it was not. m is the one that
// it has to be, nil for any.
func (p *Proxy) close(id jsonrpc.ID, m *message) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	known := p.calls[id]
	if known == nil || m != nil && known != m {
		return false
	}
	delete(p.calls, id)
	select {
	case p.closed <- struct{}{}:
	default:
	}
	return true
}

// incoming passes a message of the server on: an answer to a request that waits for it, and
// whatever the server says by itself. It changes line ends in the line.
func (p *Proxy) incoming(line []byte) {
	line = onOneLine(line)
	read, err := jsonrpc.Parse(line)
	if err != nil {
		p.o.Log.Warn("the server said something that is no message", "bytes", len(line), "reason", err)
		return
	}
	if answer, ok := read.(jsonrpc.Answer); ok && !p.close(answer.ID, nil) {
		return
	}
	p.client.AwaitRoom()
	p.client.Pass(line)
}

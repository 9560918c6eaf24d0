// Package fronttest has a scripted child: the other end of the connection that a front has
// to a Codex, for tests of the front and of what is around it. It keeps the login that it
// is given as Codex does, says what it was sent, and can be made to be slow, to hang, to
// write garbage and to die.
package fronttest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/bezoar-auth/bezoar/protocol/jsonrpc"
)

// Child is a scripted Codex. Any goroutine may call its methods.
type Child struct {
	// Out is what the child writes, for the front's connection to read; In is what it
	// reads. Closing In is the end of its input, at which it dies.
	Out io.Reader
	In  io.WriteCloser

	conn   *jsonrpc.Conn
	read   *io.PipeReader
	write  *io.PipeWriter
	served chan struct{}

	mu      sync.Mutex
	script  map[string]func(*Child, jsonrpc.Request)
	lines   []string
	login   string
	stopped chan struct{} // closed when it reads again; nil while it reads
}

// New starts a child that answers what a front asks: initialize, account/read,
// account/login/start and account/logout as Codex does, each other request with its params.
func New() *Child {
	c := &Child{script: map[string]func(*Child, jsonrpc.Request){}, served: make(chan struct{})}
	read, in := io.Pipe()
	c.read, c.In = read, &input{PipeWriter: in, closed: make(chan struct{})}
	var out *io.PipeReader
	out, c.write = io.Pipe()
	c.Out = out
	c.conn = jsonrpc.New(gated{c}, c.write, jsonrpc.Options{QueueLimitBytes: 256 << 20, CallPrefix: "child-"})
	go func() {
		defer close(c.served)
		_ = c.conn.Serve(handler{c})
		_ = c.conn.Close(context.Background())
		c.Die()
	}()
	return c
}

// input is the child's input, and knows when it was closed.
type input struct {
	*io.PipeWriter
	once   sync.Once
	closed chan struct{}
}

func (i *input) Close() error {
	i.once.Do(func() { close(i.closed) })
	return i.PipeWriter.Close()
}

// Closed is closed when the child's input is.
func (c *Child) Closed() <-chan struct{} { return c.In.(*input).closed }

// gated is the child's input, which Hang keeps it from reading.
type gated struct{ c *Child }

func (g gated) Read(p []byte) (int, error) {
	n, err := g.c.read.Read(p)
	g.c.mu.Lock()
	stopped := g.c.stopped
	g.c.mu.Unlock()
	if stopped != nil {
		<-stopped
	}
	return n, err
}

// On sets what the child does about requests of a method. A function that answers nothing
// leaves the request open. nil stands for the usual answer.
func (c *Child) On(method string, do func(*Child, jsonrpc.Request)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.script[method] = do
}

// Open is an answer for On: none.
func Open(*Child, jsonrpc.Request) {}

// Hang makes the child read no more, until the function is called or it dies.
func (c *Child) Hang() (resume func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stopped = make(chan struct{})
	return c.resume
}

func (c *Child) resume() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopped != nil {
		close(c.stopped)
		c.stopped = nil
	}
}

// Die ends both streams, as the death of a process does.
func (c *Child) Die() {
	_ = c.write.Close()
	_ = c.read.CloseWithError(io.ErrClosedPipe)
	c.resume()
}

// Lines are the lines that the child has read.
func (c *Child) Lines() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.lines)
}

// Methods are the methods of the requests and notifications that the child has read, and
// "answer" for each answer.
func (c *Child) Methods() (all []string) {
	for _, line := range c.Lines() {
		var of struct{ Method string }
		_ = json.Unmarshal([]byte(line), &of)
		if of.Method == "" {
			of.Method = "answer"
		}
		all = append(all, of.Method)
	}
	return all
}

// Login is what the child has: "" for no login, "key KEY", or "tokens TOKEN ACCOUNT".
func (c *Child) Login() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.login
}

// SetLogin gives the child a login of its own.
func (c *Child) SetLogin(login string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.login = login
}

// Write writes a line as it is.
func (c *Child) Write(line string) { c.conn.Pass([]byte(line)) }

// WriteRaw writes bytes, without a newline, past what is queued. It waits for the reader.
func (c *Child) WriteRaw(text []byte) { _, _ = c.write.Write(text) }

// Answer answers a request with JSON.
func (c *Child) Answer(r jsonrpc.Request, result string) { c.conn.ReplyRaw(r.ID, []byte(result)) }

// Fail answers a request with an error.
func (c *Child) Fail(r jsonrpc.Request, code int, message string) {
	c.conn.ReplyError(r.ID, &jsonrpc.Error{Code: code, Message: message})
}

// Renew asks for another token, as Codex does after a 401, and takes it. It waits for the
// answer.
func (c *Child) Renew(ctx context.Context) (token string, err error) {
	result, err := c.conn.Call(ctx, "account/chatgptAuthTokens/refresh", json.RawMessage(`{"reason":"unauthorized","previousAccountId":null}`))
	if err != nil {
		return "", err
	}
	var given struct{ AccessToken, ChatgptAccountID string }
	if err := json.Unmarshal(result, &given); err != nil {
		return "", err
	}
	c.SetLogin("tokens " + given.AccessToken + " " + given.ChatgptAccountID)
	return given.AccessToken, nil
}

// usual answers a request as Codex does.
func (c *Child) usual(r jsonrpc.Request) {
	switch r.Method {
	case "initialize":
		c.Answer(r, `{"userAgent":"child/0.1","codexHome":"/home/ada/.codex","platformFamily":"unix","platformOs":"linux"}`)
	case "account/read":
		c.Answer(r, c.account())
	case "account/logout":
		c.SetLogin("")
		c.Answer(r, `{}`)
	case "account/login/start":
		c.take(r)
	default:
		params := r.Params
		if params == nil {
			params = []byte("null")
		}
		c.Answer(r, fmt.Sprintf(`{"of":%q,"params":%s}`, r.Method, params))
	}
}

func (c *Child) account() string {
	switch kind, _, _ := strings.Cut(c.Login(), " "); kind {
	case "key":
		return `{"account":{"type":"apiKey"},"requiresOpenaiAuth":true}`
	case "tokens":
		return `{"account":{"type":"chatgpt","email":"ada@example.com","planType":"plus"},"requiresOpenaiAuth":true}`
	case "bedrock":
		return `{"account":{"type":"amazonBedrock"},"requiresOpenaiAuth":false}`
	}
	return `{"account":null,"requiresOpenaiAuth":true}`
}

// stillSignedIn is Codex's text.
const stillSignedIn = "External auth is active. Use account/login/start (chatgptAuthTokens) to update it or account/logout to clear it."

func (c *Child) take(r jsonrpc.Request) {
	var given struct{ Type, APIKey, AccessToken, ChatgptAccountID string }
	_ = json.Unmarshal(r.Params, &given)
	switch {
	case given.Type == "apiKey" && strings.HasPrefix(c.Login(), "tokens "):
		c.Fail(r, jsonrpc.CodeInvalidRequest, stillSignedIn)
		return
	case given.Type == "apiKey":
		c.SetLogin("key " + given.APIKey)
	default:
		c.SetLogin("tokens " + given.AccessToken + " " + given.ChatgptAccountID)
	}
	c.Answer(r, fmt.Sprintf(`{"type":%q}`, given.Type))
}

// handler is the child's own connection.
type handler struct{ c *Child }

func (h handler) note(line []byte) {
	h.c.mu.Lock()
	defer h.c.mu.Unlock()
	h.c.lines = append(h.c.lines, string(line))
}

func (h handler) Request(r jsonrpc.Request) {
	h.note(r.Line)
	h.c.mu.Lock()
	do := h.c.script[r.Method]
	h.c.mu.Unlock()
	if do == nil {
		do = (*Child).usual
	}
	do(h.c, r)
}

func (h handler) Notification(n jsonrpc.Notification) { h.note(n.Line) }

func (h handler) Answer(a jsonrpc.Answer) { h.note(a.Line) }

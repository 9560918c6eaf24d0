package codextest

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/properties/programtest"
)

// Message is one line of an app-server.
type Message struct {
	ID     json.RawMessage `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
	Result json.RawMessage `json:"result"`
	Error  *struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
	} `json:"error"`
	Line string `json:"-"`
}

// Client is a client of an app-server over pipes, one JSON object a line. It waits for
// messages and never for time.
type Client struct {
	Process *exec.Cmd
	Stderr  programtest.Buffer

	t     testing.TB
	input io.WriteCloser
	gone  chan struct{} // closed when the process has ended

	mu      sync.Mutex // guards what follows
	heard   []Message
	isDeaf  bool          // nothing more will be heard
	changed chan struct{} // closed when something is heard, and made anew

	asked  int // requests of this client
	passed int // heard messages that Await has gone past
}

// Start starts a program that is an app-server. A test that fails shows what it said on
// standard error.
func Start(t testing.TB, program *exec.Cmd) *Client {
	c := &Client{Process: program, t: t, gone: make(chan struct{}), changed: make(chan struct{})}
	program.Stderr = &c.Stderr
	output, err := program.StdoutPipe()
	require.NoError(t, err)
	c.input, err = program.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, program.Start())
	go c.listen(output)
	t.Cleanup(c.cleanUp)
	return c
}

func (c *Client) cleanUp() {
	c.EndInput()
	select {
	case <-c.gone:
	case <-time.After(Patience):
		c.t.Errorf("%s does not end with its input", c.Process.Path)
		_ = c.Process.Process.Kill() // it may have ended just now
		<-c.gone
	}
	if c.t.Failed() {
		c.t.Logf("standard error of %s:\n%s", c.Process.Path, c.Stderr.String())
	}
}

func (c *Client) listen(output io.Reader) {
	for reader := bufio.NewReaderSize(output, 1<<16); ; {
		line, err := reader.ReadString('\n')
		if line = strings.TrimSuffix(line, "\n"); line != "" {
			message := Message{Line: line}
			if json.Unmarshal([]byte(line), &message) != nil {
				message.Method = "no JSON"
			}
			c.hear(func() { c.heard = append(c.heard, message) })
		}
		if err != nil {
			break
		}
	}
	_ = c.Process.Wait() // ProcessState says how it ended
	close(c.gone)
	c.hear(func() { c.isDeaf = true })
}

func (c *Client) hear(what func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	what()
	close(c.changed)
	c.changed = make(chan struct{})
}

// Write writes a line.
func (c *Client) Write(line string) {
	c.t.Helper()
	_, err := io.WriteString(c.input, line+"\n")
	require.NoError(c.t, err)
}

// Send sends a request, and returns its id. nil for params leaves them out.
func (c *Client) Send(method string, params any) (id int) {
	c.t.Helper()
	c.asked++
	c.write(map[string]any{"id": c.asked, "method": method, "params": params})
	return c.asked
}

// Notify sends a notification.
func (c *Client) Notify(method string) { c.write(map[string]any{"method": method}) }

// Reply answers a request of the server.
func (c *Client) Reply(to Message, result any) {
	c.write(map[string]any{"id": to.ID, "result": result})
}

func (c *Client) write(members map[string]any) {
	c.t.Helper()
	if members["params"] == nil {
		delete(members, "params")
	}
	line, err := json.Marshal(members)
	require.NoError(c.t, err)
	c.Write(string(line))
}

// Answer waits for the answer to a request, an error too.
func (c *Client) Answer(id int) Message {
	c.t.Helper()
	wanted := fmt.Sprint(id)
	message, _ := c.wait(0, "an answer to "+wanted, func(m Message) bool { return m.Method == "" && string(m.ID) == wanted })
	return message
}

// Call sends a request, waits for its answer, which must be no error, and decodes the result.
// nil for result does not.
func (c *Client) Call(method string, params, result any) {
	c.t.Helper()
	answer := c.Answer(c.Send(method, params))
	require.Nil(c.t, answer.Error, "%s: %s", method, answer.Line)
	if result != nil {
		require.NoError(c.t, json.Unmarshal(answer.Result, result), answer.Line)
	}
}

// Await waits for a request or notification of the server that isWanted accepts (nil accepts
// any), after the one that was awaited before.
func (c *Client) Await(method string, isWanted func(Message) bool) Message {
	c.t.Helper()
	message, at := c.wait(c.passed, method, func(m Message) bool { return m.Method == method && (isWanted == nil || isWanted(m)) })
	c.passed = at + 1
	return message
}

// Heard are all messages so far.
func (c *Client) Heard() []Message {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]Message(nil), c.heard...)
}

// wait waits for a message from a place on.
func (c *Client) wait(from int, what string, isWanted func(Message) bool) (Message, int) {
	c.t.Helper()
	late := time.After(Patience)
	for {
		c.mu.Lock()
		heard, isDeaf, changed := c.heard, c.isDeaf, c.changed
		c.mu.Unlock()
		for at := from; at < len(heard); at++ {
			if isWanted(heard[at]) {
				return heard[at], at
			}
		}
		from = max(from, len(heard))
		if isDeaf {
			require.FailNow(c.t, "the server ended without "+what, "%v\n%s", c.Process.ProcessState, c.transcript())
		}
		select {
		case <-changed:
		case <-late:
			require.FailNow(c.t, "no "+what, c.transcript())
		}
	}
}

// transcript is what was heard, for a failure: no line whole, and no token at all.
func (c *Client) transcript() string {
	const longest = 300
	var text strings.Builder
	for _, each := range c.Heard() {
		line := each.Line
		if strings.Contains(line, `"authToken"`) {
			line = "an answer with authToken"
		}
		text.WriteString(line[:min(len(line), longest)] + "\n")
	}
	return text.String()
}

// EndInput is the end of what the client says.
func (c *Client) EndInput() { _ = c.input.Close() }

// Signal sends a signal to the process, which may have ended.
func (c *Client) Signal(signal os.Signal) { _ = c.Process.Process.Signal(signal) }

// ExitCode waits for the end of the process.
func (c *Client) ExitCode() int {
	c.t.Helper()
	select {
	case <-c.gone:
	case <-time.After(Patience):
		require.FailNow(c.t, "the process does not end", c.transcript())
	}
	return c.Process.ProcessState.ExitCode()
}

package jsonrpc

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strings"
	"sync/atomic"

	"github.com/stretchr/testify/require"
)

// A client is the other end of a connection: it writes to in, reads from out,
// and keeps count.
type client struct {
	t      testingT
	c      *Conn
	in     *io.PipeWriter
	out    *io.PipeReader
	lines  *bufio.Reader
	served chan error

	writes atomic.Int64 // by the server
	taken  atomic.Int64 // requests that the handler was given
}

// testingT is what *testing.T and *rapid.T share.
type testingT interface {
	require.TestingT
	Helper()
	Cleanup(func())
	Context() context.Context
}

// connect serves a connection over pipes that hold nothing: a Write waits for
// the Read of the other side.
func connect(t testingT, o Options, serve func(*Conn, Request)) *client {
	t.Helper()
	p := &client{t: t, served: make(chan error, 1)}
	r, in := io.Pipe()
	out, w := io.Pipe()
	p.in, p.out, p.lines = in, out, bufio.NewReader(out)
	t.Cleanup(func() { in.Close(); out.Close() }) // ends a Read or Write under way
	p.c = New(r, writerFunc(func(lines []byte) (int, error) { p.writes.Add(1); return w.Write(lines) }), o)
	go func() {
		p.served <- p.c.Serve(handler{c: p.c, request: func(c *Conn, r Request) { p.taken.Add(1); serve(c, r) }})
	}()
	return p
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func (p *client) send(lines string) { fmt.Fprint(p.in, lines) }

func (p *client) line() string {
	p.t.Helper()
	line, err := p.lines.ReadString('\n')
	require.NoError(p.t, err)
	return strings.TrimSuffix(line, "\n")
}

func (p *client) statuses(n int) (answers []string) {
	p.t.Helper()
	for range n {
		answers = append(answers, p.line())
	}
	return answers
}

// end ends the input and waits for the end of the connection.
func (p *client) end() {
	p.t.Helper()
	p.in.Close()
	require.NoError(p.t, <-p.served)
	require.NoError(p.t, p.c.Close(p.t.Context()))
}

// Package websocket serves lines over WebSocket (RFC 6455), as Codex app-server does at a
// socket: each text message of a client is one line, and each line for the client is one
// text message. It knows no method.
//
//   - conn.go is one connection, as a reader and a writer of lines;
//   - server.go takes connections at a listener, and ends them;
//   - guard.go decides who may connect: no web page, and with a token only who has it.
package websocket

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/coder/websocket"
)

// MessageLimitBytes is the length of the longest message of a client. A longer one ends
// the connection with status 1009. As a line, with its end, it is the longest that
// jsonrpc reads.
const MessageLimitBytes = 64<<20 - 1

// Conn is a connection as lines. One goroutine may read while another one writes; Close
// may be called from anywhere.
type Conn struct {
	ws       *websocket.Conn
	raw      net.Conn    // under ws, to end whatever waits there
	isBroken atomic.Bool // the client did not keep to the protocol

	// Of the reading goroutine.
	message    io.Reader // the message that is being read, nil between two
	isBinary   bool      // which is skipped, as in Codex
	owesEnding bool      // of the line that was read
}

func newConn(ws *websocket.Conn, raw net.Conn) *Conn {
	ws.SetReadLimit(MessageLimitBytes)
	return &Conn{ws: ws, raw: raw}
}

// Read reads the client's messages, each with a newline behind it. It returns io.EOF when
// the client has closed the connection or is gone, and an error that says what was wrong
// when the client did not keep to the protocol or broke off within a message.
func (c *Conn) Read(p []byte) (int, error) {
	for len(p) > 0 {
		if c.owesEnding {
			c.owesEnding = false
			p[0] = '\n'
			return 1, nil
		}
		if c.message == nil {
			if err := c.open(); err != nil {
				return 0, err
			}
		}
		n, err := c.message.Read(p)
		switch {
		case err == io.EOF:
			c.message, c.owesEnding = nil, !c.isBinary
		case err != nil:
			c.isBroken.Store(true)
			return 0, fmt.Errorf("within a message: %w", err)
		}
		if n > 0 && !c.isBinary {
			flatten(p[:n])
			return n, nil
		}
	}
	return 0, nil
}

// open waits for the next message.
func (c *Conn) open() error {
	kind, message, err := c.ws.Reader(context.Background())
	if err != nil {
		if IsGone(err) {
			return io.EOF
		}
		c.isBroken.Store(true)
		return err
	}
	c.message, c.isBinary = message, kind == websocket.MessageBinary
	return nil
}

// flatten makes one line of a part of a message. In JSON a newline can only be space
// between tokens, as the carriage return that takes its place. Within a string neither
// may stand, so that a text that was no JSON stays none.
func flatten(part []byte) {
	for {
		i := bytes.IndexByte(part, '\n')
		if i < 0 {
			return
		}
		part[i] = '\r'
		part = part[i+1:]
	}
}

// ended are what systems call a connection that the other side has ended. On Windows these
// are WSAECONNABORTED and WSAECONNRESET ("Windows Sockets Error Codes"), which package
// syscall does not map. No other system uses their numbers.
var ended = []error{syscall.ECONNRESET, syscall.EPIPE, syscall.Errno(10053), syscall.Errno(10054)}

// IsGone reports whether a connection has ended between two messages: the client has
// closed it or has died, or this side has closed it.
func IsGone(err error) bool {
	return websocket.CloseStatus(err) != -1 || errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) ||
		slices.ContainsFunc(ended, func(each error) bool { return errors.Is(err, each) })
}

var errHalfLine = errors.New("the end of a line is missing")

// Write sends whole lines, each as a message of its own. It waits for a client that does
// not read, until the connection ends.
func (c *Conn) Write(lines []byte) (written int, err error) {
	for written < len(lines) {
		line, _, isWhole := bytes.Cut(lines[written:], []byte{'\n'})
		if !isWhole {
			return written, errHalfLine
		}
		if len(line) > 0 {
			if err := c.ws.Write(context.Background(), websocket.MessageText, line); err != nil {
				return written, err
			}
		}
		written += len(line) + 1
	}
	return written, nil
}

// goodbyeLimit is how long Close waits for the client.
const goodbyeLimit = 500 * time.Millisecond

// Close tells the client that the server has ended the connection (status 1001), or that
// the client was wrong (1002), if the connection is still open and the client reads, and
// ends the connection within half a second.
func (c *Conn) Close() {
	cut := time.AfterFunc(goodbyeLimit, func() { c.raw.Close() })
	defer cut.Stop()
	status, reason := websocket.StatusGoingAway, "the server has ended the connection"
	if c.isBroken.Load() {
		status, reason = websocket.StatusProtocolError, "this is not the WebSocket protocol"
	}
	_ = c.ws.Close(status, reason) // it may be closed
	c.raw.Close()
}

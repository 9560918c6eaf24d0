package websocket

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"
)

// site is a server at a socket that sends each line back behind the word "got".
type site struct {
	t    *testing.T
	at   net.Addr
	end  context.CancelFunc
	over chan error
	last chan error // of the Reads, the error with which each connection ended
}

func newSite(t *testing.T, options Options) *site {
	listener := listen(t)
	s := &site{t: t, at: listener.Addr(), over: make(chan error, 1), last: make(chan error, 1024)}
	ctx, end := context.WithCancel(context.Background())
	s.end = end
	if options.Handle == nil {
		options.Handle = func(c *Conn) { s.last <- echo(ctx, c) }
	}
	go func() { s.over <- Serve(ctx, listener, options) }()
	t.Cleanup(func() {
		end()
		require.NoError(t, <-s.over)
	})
	return s
}

// listen takes connections at a socket in a folder, or on loopback where the system has
// no such sockets: Windows has them since its version 1803, and Wine has not.
func listen(t *testing.T) net.Listener {
	listener, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil && runtime.GOOS == "windows" {
		listener, err = net.Listen("tcp", "127.0.0.1:0")
	}
	require.NoError(t, err)
	return listener
}

// echo serves until ctx or the input ends, as a connection of the program does: the
// reading goroutine may stay behind for a moment.
func echo(ctx context.Context, c *Conn) error {
	ended := make(chan error, 1)
	go func() {
		lines := bufio.NewReader(c)
		for {
			line, err := lines.ReadString('\n')
			if err == nil {
				_, err = io.WriteString(c, "got "+line)
			}
			if err != nil {
				ended <- err
				return
			}
		}
	}()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
		return nil
	}
}

func (s *site) client() *http.Client {
	return &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, s.at.Network(), s.at.String())
	}}}
}

// dial connects, and fails the test if that is refused.
func (s *site) dial() *websocket.Conn {
	s.t.Helper()
	c, _, err := websocket.Dial(s.t.Context(), "ws://localhost/", &websocket.DialOptions{HTTPClient: s.client()})
	require.NoError(s.t, err)
	c.SetReadLimit(-1)
	s.t.Cleanup(func() { c.CloseNow() })
	return c
}

// refused is the status and the text of a handshake that is refused.
func (s *site) refused(path string, header http.Header) (status int, text string) {
	s.t.Helper()
	options := &websocket.DialOptions{HTTPClient: s.client(), HTTPHeader: header, Host: header.Get("Host")}
	_, response, err := websocket.Dial(s.t.Context(), "ws://localhost"+path, options)
	require.Error(s.t, err)
	body, _ := io.ReadAll(response.Body)
	return response.StatusCode, strings.TrimSpace(string(body))
}

func say(t *testing.T, c *websocket.Conn, text string) {
	t.Helper()
	require.NoError(t, c.Write(t.Context(), websocket.MessageText, []byte(text)))
}

func hear(t *testing.T, c *websocket.Conn) string {
	t.Helper()
	kind, text, err := c.Read(t.Context())
	require.NoError(t, err)
	require.Equal(t, websocket.MessageText, kind)
	return string(text)
}

func TestMessageIsALine(t *testing.T) {
	s := newSite(t, Options{})
	c := s.dial()
	say(t, c, `{"a":1}`)
	require.Equal(t, `got {"a":1}`, hear(t, c))
	say(t, c, "{\n  \"a\":\r\n  1\n}\n")
	require.Equal(t, "got {\r  \"a\":\r\r  1\r}\r", hear(t, c), "pretty JSON is one line")
	require.NoError(t, c.Write(t.Context(), websocket.MessageBinary, []byte("binary\nis skipped")))
	say(t, c, "")
	require.Equal(t, "got ", hear(t, c))

	long := strings.Repeat("0123456789abcde\n", 1<<16)
	say(t, c, long)
	require.Equal(t, "got "+strings.ReplaceAll(long, "\n", "\r"), hear(t, c))
}

func TestMessageMayComeInFragments(t *testing.T) {
	c := newSite(t, Options{}).dial()
	message, err := c.Writer(t.Context(), websocket.MessageText)
	require.NoError(t, err)
	for _, part := range []string{`{"a`, `":`, "\n", `1}`} {
		_, err = io.WriteString(message, part)
		require.NoError(t, err)
	}
	pong := make(chan error, 1)
	go func() { pong <- c.Ping(t.Context()) }() // between the fragments
	require.NoError(t, message.Close())
	require.Equal(t, "got {\"a\":\r1}", hear(t, c))
	read := c.CloseRead(t.Context())
	require.NoError(t, <-pong)
	require.NoError(t, read.Err())
}

// A burst that is written at once is still a message a line.
func TestLinesAreMessages(t *testing.T) {
	s := newSite(t, Options{Handle: func(c *Conn) {
		n, err := io.WriteString(c, "one\n\ntwo\nthree\n")
		if n != 15 || err != nil {
			panic(fmt.Sprint(n, err))
		}
		_, err = io.WriteString(c, "four\nhalf")
		if err != errHalfLine {
			panic(err)
		}
		io.Copy(io.Discard, c)
	}})
	c := s.dial()
	for _, line := range []string{"one", "two", "three", "four"} {
		require.Equal(t, line, hear(t, c))
	}
}

func TestTooLongMessageEndsItsConnectionAlone(t *testing.T) {
	t.Parallel() // masking takes its time
	s := newSite(t, Options{})
	good, bad := s.dial(), s.dial()
	largest := strings.Repeat("x", MessageLimitBytes)
	say(t, good, largest)
	require.Len(t, hear(t, good), len("got ")+MessageLimitBytes)
	_ = bad.Write(t.Context(), websocket.MessageText, []byte(largest+"x"))
	_, _, err := bad.Read(t.Context())
	require.Equal(t, websocket.StatusMessageTooBig, websocket.CloseStatus(err), "%v", err)
	require.ErrorIs(t, <-s.last, websocket.ErrMessageTooBig)
	say(t, good, "still here")
	require.Equal(t, "got still here", hear(t, good))
}

// How a client may go, and what the reader says of it.
func TestEndOfAClientIsTheEndOfTheInput(t *testing.T) {
	s := newSite(t, Options{})
	closed := s.dial()
	require.NoError(t, closed.Close(websocket.StatusNormalClosure, ""))
	require.Equal(t, io.EOF, <-s.last)

	killed := s.dial()
	killed.CloseNow()
	require.Equal(t, io.EOF, <-s.last)

	broken := s.handshake("")
	_, err := broken.Write([]byte{0x81, 0x80 | 20, 0, 0, 0, 0, '{', '}'}) // a frame of 20 bytes, of which 2 come
	require.NoError(t, err)
	broken.Close()
	require.ErrorContains(t, <-s.last, "within a message")

	unmasked := s.handshake("")
	_, err = unmasked.Write([]byte{0x81, 2, '{', '}'})
	require.NoError(t, err)
	require.ErrorContains(t, <-s.last, "unmasked")
	rest, err := io.ReadAll(unmasked)
	require.NoError(t, err)
	require.Contains(t, string(rest), "not the WebSocket protocol")
}

// handshake connects without a library, and returns the connection after the upgrade.
func (s *site) handshake(header string) net.Conn {
	s.t.Helper()
	raw, err := net.Dial(s.at.Network(), s.at.String())
	require.NoError(s.t, err)
	s.t.Cleanup(func() { raw.Close() })
	_, err = io.WriteString(raw, "GET /any HTTP/1.1\r\nHost: localhost\r\nConnection: upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"+header+"\r\n")
	require.NoError(s.t, err)
	response, err := http.ReadResponse(bufio.NewReaderSize(raw, 16), nil)
	require.NoError(s.t, err)
	require.Equal(s.t, http.StatusSwitchingProtocols, response.StatusCode)
	return raw
}

func TestClientThatDoesNotReadHoldsItsOwnConnection(t *testing.T) {
	s := newSite(t, Options{Handle: func(c *Conn) {
		lines := bufio.NewReader(c)
		line, _ := lines.ReadString('\n')
		for strings.HasPrefix(line, "flood") {
			if _, err := io.WriteString(c, strings.Repeat("x", 1<<16)+"\n"); err != nil {
				return
			}
		}
		io.WriteString(c, line)
		lines.ReadString('\n')
	}})
	stuck := s.dial()
	say(t, stuck, "flood")
	for range 200 {
		c := s.dial()
		say(t, c, "hello")
		require.Equal(t, "hello", hear(t, c))
	}
	s.end() // which the stuck one delays by no more than the limit of a goodbye
	stuck.CloseNow()
}

// The end of the server is said to every client that reads, and waits for none that does not.
func TestEndOfTheServerIsSaidToTheClients(t *testing.T) {
	s := newSite(t, Options{})
	reads, silent := s.dial(), s.handshake("")
	say(t, reads, "hello")
	require.Equal(t, "got hello", hear(t, reads))
	s.end()
	_, _, err := reads.Read(t.Context())
	require.Equal(t, websocket.StatusGoingAway, websocket.CloseStatus(err), "%v", err)
	silent.SetReadDeadline(time.Now().Add(10 * goodbyeLimit))
	rest, err := io.ReadAll(silent)
	require.NoError(t, err, "it was cut off")
	require.Contains(t, string(rest), "the server has ended")
	_, err = net.Dial(s.at.Network(), s.at.String())
	require.Error(t, err, "the door is closed")
}

func TestManyClientsAreServedAtOnce(t *testing.T) {
	s := newSite(t, Options{ConnectionLimit: 200})
	var clients []*websocket.Conn
	for range 200 {
		clients = append(clients, s.dial())
	}
	status, text := s.refused("/", http.Header{})
	require.Equal(t, http.StatusServiceUnavailable, status)
	require.Contains(t, text, "too many clients")
	for i, c := range clients {
		say(t, c, fmt.Sprint(i))
	}
	for i, c := range clients {
		require.Equal(t, fmt.Sprint("got ", i), hear(t, c))
	}
	require.NoError(t, clients[0].Close(websocket.StatusNormalClosure, ""))
	<-s.last
	require.Eventually(t, func() bool {
		c, _, err := websocket.Dial(t.Context(), "ws://localhost/", &websocket.DialOptions{HTTPClient: s.client()})
		if err == nil {
			c.CloseNow()
		}
		return err == nil
	}, 5*time.Second, time.Millisecond, "its place is free")
}

// Handshakes that never end do not keep others out.
func TestHandshakesThatHangKeepNoClientOut(t *testing.T) {
	s := newSite(t, Options{})
	for range 3 * handshakesAtOnce {
		raw, err := net.Dial(s.at.Network(), s.at.String())
		require.NoError(t, err)
		defer raw.Close()
		io.WriteString(raw, "GET / HTTP/1.1\r\n") // it may be closed already
	}
	c := s.dial()
	say(t, c, "hello")
	require.Equal(t, "got hello", hear(t, c))
}

func TestHandleOutlivesNoConnection(t *testing.T) {
	var running atomic.Int32
	handled := make(chan struct{})
	s := newSite(t, Options{Handle: func(c *Conn) {
		running.Add(1)
		io.Copy(io.Discard, c)
		running.Add(-1)
		handled <- struct{}{}
	}})
	s.dial().CloseNow()
	<-handled
	require.Zero(t, running.Load())
}

func TestClientThatDiesIsGoneOnEverySystem(t *testing.T) {
	for _, end := range []error{syscall.ECONNRESET, syscall.EPIPE, syscall.Errno(10053), syscall.Errno(10054), net.ErrClosed} {
		require.True(t, IsGone(&net.OpError{Op: "read", Err: os.NewSyscallError("read", end)}), end)
	}
	require.False(t, IsGone(&net.OpError{Op: "read", Err: syscall.EBADF}))
}

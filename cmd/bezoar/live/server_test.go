package live

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine"
)

func TestNilServerShowsNothing(t *testing.T) {
	var none *Server
	require.Nil(t, none.Count(nil))
	require.Nil(t, none.Watch(nil))
	require.NotPanics(t, func() { none.Show(t.TempDir(), Options{}, nil) })
	require.NotPanics(t, none.Close)
}

func TestListenTakesLoopbackAlone(t *testing.T) {
	for _, address := range []string{"0.0.0.0:0", ":0", "[::]:0", "192.168.1.1:0", "example.com:0", "127.0.0.1", "", "127.0.0.1.example:0"} {
		_, err := listen(address)
		require.ErrorIs(t, err, ErrNotLoopback, address)
	}
	for _, address := range []string{"127.0.0.1:0", "localhost:0", "127.0.0.2:0"} {
		listener, err := listen(address)
		require.NoError(t, err, address)
		require.NoError(t, listener.Close())
	}
	taken, err := listen("127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	_, err = listen(taken.Addr().String())
	require.ErrorContains(t, err, taken.Addr().String()+": bind: ") // the rest is in the words of the system
}

func TestServerThatEndsHearsOfNoChange(t *testing.T) {
	var w *world
	t.Run("until its end", func(t *testing.T) { w = newWorld(t, states(t)[machine.Fresh]) })
	require.Eventually(t, w.source.isStopped.Load, 5*time.Second, time.Millisecond)
}

// TestServerClosesUnknownConnectionsFirst opens too many connections that send nothing,
// over and over: a request with the token gets in, and keeps its connection.
func TestServerClosesUnknownConnectionsFirst(t *testing.T) {
	w := newWorld(t, states(t)[machine.Fresh])
	token := strings.Split(w.url, "/")[3]
	ask := func(conn net.Conn, path string) *http.Response {
		_, err := io.WriteString(conn, "HEAD "+path+" HTTP/1.1\r\nHost: localhost\r\n\r\n")
		require.NoError(t, err)
		response, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: http.MethodHead})
		require.NoError(t, err)
		return response
	}
	known := dial(t, w.url)
	require.Equal(t, http.StatusOK, ask(known, "/"+token+"/").StatusCode)
	for range 2 {
		first := dial(t, w.url)
		for range connectionLimit {
			dial(t, w.url)
		}
		require.NoError(t, first.SetReadDeadline(time.Now().Add(headerLimit/2))) // before the limit of its header closes it
		_, err := first.Read(make([]byte, 1))
		require.Error(t, err)
		require.NotErrorIs(t, err, os.ErrDeadlineExceeded, "the oldest unknown connection was not closed")
		require.Equal(t, http.StatusOK, ask(dial(t, w.url), "/"+token+"/").StatusCode)
	}
	require.Equal(t, http.StatusOK, ask(known, "/"+token+"/").StatusCode, "the connection that knows the token was closed")
}

func TestRefusalClosesItsConnection(t *testing.T) {
	w := newWorld(t, states(t)[machine.Fresh])
	for _, request := range []string{"GET /nothing/ HTTP/1.1\r\nHost: localhost\r\n\r\n", "GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n"} {
		conn := dial(t, w.url)
		_, err := io.WriteString(conn, request)
		require.NoError(t, err)
		reader := bufio.NewReader(conn)
		response, err := http.ReadResponse(reader, nil)
		require.NoError(t, err)
		require.True(t, response.Close)
		_, err = io.ReadAll(response.Body)
		require.NoError(t, err)
		_, err = reader.ReadByte()
		require.ErrorIs(t, err, io.EOF)
	}
}

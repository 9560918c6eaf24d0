package login

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAnotherProgramMayAskForThePort(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		attempt, _ := w.started()
		got := w.open(cancelAddress)
		require.Equal(t, reply{status: http.StatusOK, body: "Login cancelled"}, bare(got))
		require.EqualError(t, attempt.Wait(), "Login server error: Login cancelled")
	})
}

func TestWebPageMayNotCancelALogin(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		attempt, _ := w.started()
		for _, site := range []string{"cross-site", "same-site"} {
			got, err := w.ask(http.MethodGet, cancelAddress, http.Header{"Sec-Fetch-Site": {site}})
			require.NoError(t, err)
			require.Equal(t, http.StatusForbidden, got.status)
		}
		for _, from := range []string{"https://evil.example", "http://127.0.0.1:9", "https://127.0.0.1:1455", "null", "http://localhost:1455/page", "%"} {
			for _, name := range []string{"Origin", "Referer"} { // of a browser without Fetch Metadata
				got, err := w.ask(http.MethodGet, cancelAddress, http.Header{name: {from}})
				require.NoError(t, err)
				require.Equal(t, http.StatusForbidden, got.status, "%s: %s", name, from)
			}
		}
		require.False(t, isOver(attempt))
		got, err := w.ask(http.MethodGet, cancelAddress, http.Header{"Sec-Fetch-Site": {"none"}})
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, got.status, "a person may, who types the address")
		require.ErrorIs(t, attempt.Wait(), Cancelled)
	})
}

func TestCallbackRefusesForeignHostNames(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		attempt, back := w.started()
		for host, want := range map[string]int{
			"evil.example:1455": http.StatusMisdirectedRequest, "localhost.evil.example": http.StatusMisdirectedRequest,
			"127.0.0.1.evil.example:1455": http.StatusMisdirectedRequest, "[::1]:1455": http.StatusMisdirectedRequest,
			"LOCALHOST:1455": http.StatusNotFound, "localhost": http.StatusNotFound, "127.0.0.1:8080": http.StatusNotFound,
		} {
			got, err := w.ask(http.MethodGet, "http://127.0.0.1:1455/", http.Header{"Host": {host}})
			require.NoError(t, err)
			require.Equal(t, want, got.status, host)
		}
		got, err := w.ask(http.MethodGet, back.String(), http.Header{"Host": {"evil.example:1455"}})
		require.NoError(t, err)
		require.Equal(t, http.StatusMisdirectedRequest, got.status)
		require.False(t, isOver(attempt))
		require.Zero(t, w.disk.calls)
	})
}

func TestPreviewIsNoVisit(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		attempt, back := w.started()
		for _, method := range []string{http.MethodHead, http.MethodPost, http.MethodOptions} {
			for _, address := range []string{back.String(), successAddress, cancelAddress} {
				got, err := w.ask(method, address, nil)
				require.NoError(t, err)
				require.Equal(t, http.StatusMethodNotAllowed, got.status)
			}
		}
		w.visit(back)
		_, err := w.ask(http.MethodHead, successAddress, nil)
		require.NoError(t, err)
		synctest.Wait()
		require.False(t, isOver(attempt))
	})
}

func TestEveryAnswerIsProtected(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		_, back := w.started()
		for name, got := range map[string]reply{
			"unknown":  w.open("http://127.0.0.1:1455//auth/callback?code=x"),
			"mismatch": w.visit(back, "state", "bad"),
			"redirect": w.visit(back),
			"success":  w.open(successAddress),
		} {
			require.Equal(t, "no-store", got.header.Get("Cache-Control"), name)
			require.Equal(t, "no-referrer", got.header.Get("Referrer-Policy"), name)
			require.Equal(t, "nosniff", got.header.Get("X-Content-Type-Options"), name)
			require.Equal(t, "DENY", got.header.Get("X-Frame-Options"), name)
			policy := got.header.Get("Content-Security-Policy")
			require.Contains(t, policy, "default-src 'none'", name)
			require.Contains(t, policy, "frame-ancestors 'none'", name)
			require.NotContains(t, policy, "unsafe", name)
			require.NotContains(t, got.body, back.Query().Get("code"), name)
		}
	})
}

// TestStuckClientHoldsUpNothing has clients that send nothing, half a request, a request
// whose answer they do not read, and headers without end.
func TestStuckClientHoldsUpNothing(t *testing.T) {
	for name, said := range map[string]string{
		"silent":   "",
		"half":     "GET /success HTTP/1.1\r\nHost: 127.0.0.1\r\nX: ",
		"deaf":     "GET /nope HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
		"body":     "GET /nope HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\n",
		"deaf end": "GET /cancel HTTP/1.1\r\nHost: evil.example\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				attempt, back := w.started()
				conn, err := w.network.dial(t.Context(), "127.0.0.1:1455")
				require.NoError(t, err)
				defer conn.Close()
				_, err = conn.Write([]byte(said))
				require.NoError(t, err)

				begunAt := time.Now()
				require.Equal(t, http.StatusFound, w.visit(back).status)
				w.open(successAddress)
				require.NoError(t, attempt.Wait())
				io.ReadAll(conn)
				require.LessOrEqual(t, time.Since(begunAt), drainLimit, "the connection is closed as well")
			})
		})
	}
}

func TestClientThatDoesNotReadIsClosed(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.started()
		conn, err := w.network.dial(t.Context(), "127.0.0.1:1455")
		require.NoError(t, err)
		_, err = conn.Write([]byte("GET /nope HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"))
		require.NoError(t, err)
		time.Sleep(answerLimit + time.Second)
		_, err = conn.Read(make([]byte, 1))
		require.ErrorIs(t, err, io.EOF)
	})
}

func TestConnectionServesOneRequest(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.started()
		conn, err := w.network.dial(t.Context(), "127.0.0.1:1455")
		require.NoError(t, err)
		_, err = conn.Write([]byte("GET /nope HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"))
		require.NoError(t, err)
		begunAt := time.Now()
		_, err = io.ReadAll(conn)
		require.NoError(t, err)
		require.Zero(t, time.Since(begunAt), "it is closed at once")
	})
}

// TestLoginThatFailedHasNoSuccessPage requests the page in the moment before the port is
// closed, which no client can be sure to meet.
func TestLoginThatFailedHasNoSuccessPage(t *testing.T) {
	b := &browser{Attempt: &Attempt{}, decided: make(chan struct{}), failure: NotCompleted}
	close(b.decided)
	recorder := httptest.NewRecorder()
	b.ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, successAddress, nil))
	require.Equal(t, http.StatusNotFound, recorder.Code)
}

func TestHeadersWithoutEndAreCutOff(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.started()
		conn, err := w.network.dial(t.Context(), "127.0.0.1:1455")
		require.NoError(t, err)
		go func(conn net.Conn) {
			conn.Write([]byte("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + strings.Repeat("x", 1<<20)))
		}(conn)
		said := make([]byte, 40)
		n, err := conn.Read(said)
		require.NoError(t, err)
		require.Contains(t, string(said[:n]), "431")
		conn.Close()
	})
}

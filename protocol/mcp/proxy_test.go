package mcp_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/protocol/mcp"
)

func call(id int) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":"add","arguments":{}}}`, id)
}

func result(id int) string { return fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"result":{}}`, id) }

// echo answers each request with its id.
func echo(w http.ResponseWriter, r *http.Request) {
	_, rest, _ := strings.Cut(bodyOf(r), `"id":`)
	id, _, _ := strings.Cut(rest, ",")
	answer(w, `{"jsonrpc":"2.0","id":`+id+`,"result":{}}`)
}

func TestSessionAndVersionGoWithEachRequestAfterTheFirst(t *testing.T) {
	inWorld(t, session(echo), func(w *world) {
		w.begin()
		w.say(call(1))
		require.Equal(t, result(1), w.hear())
		first, last := w.requests[0].header, w.last().header
		require.Empty(t, first.Get("Mcp-Session-Id")+first.Get("Mcp-Protocol-Version"))
		require.Equal(t, "s1 2025-06-18", last.Get("Mcp-Session-Id")+" "+last.Get("Mcp-Protocol-Version"))
		require.Equal(t, "Bearer token-1", last.Get("Authorization"))
		require.Equal(t, "application/json, text/event-stream", last.Get("Accept"))
		require.Equal(t, "application/json", last.Get("Content-Type"))
		w.in.Close()
		synctest.Wait()
		end := w.last()
		require.Equal(t, "DELETE s1", end.method+" "+end.header.Get("Mcp-Session-Id"))
	})
}

// Numbers are the ones that a program in between breaks.
func TestMessagesPassUnchanged(t *testing.T) {
	const asked = `{"jsonrpc":"2.0","id":1,"method":"x","params":{"n":1.0,"big":123456789012345678901234567890,"e":1E+400,"s":"\u0061<&>\/","z":-0}}`
	said := strings.Replace(asked, `"method":"x","params"`, `"result"`, 1)
	inWorld(t, func(w http.ResponseWriter, r *http.Request) {
		answer(w, "\n"+strings.Replace(said, `,"result"`, ",\r\n\t\"result\"", 1)+"\n")
	}, func(w *world) {
		w.say(asked)
		require.Equal(t, strings.Replace(said, `,"result"`, ",  \t\"result\"", 1), w.hear(), "line ends are blanks")
		require.Equal(t, asked, w.last().body)
	})
}

func TestProgressComesBeforeTheAnswer(t *testing.T) {
	inWorld(t, func(w http.ResponseWriter, r *http.Request) {
		say := stream(w)
		say(": hello\n\nevent: message\ndata: {\"jsonrpc\":\"2.0\",\ndata: \"method\":\"notifications/progress\"}\n\n")
		wait(r, time.Minute)
		say("event: other\ndata: {}\n\nid: 7\ndata: " + result(1) + "\n\n")
	}, func(w *world) {
		w.say(call(1))
		require.Equal(t, `{"jsonrpc":"2.0", "method":"notifications/progress"}`, w.hear())
		require.Equal(t, result(1), w.hear())
	})
}

func TestRefused401CostsOneTokenAndOneMoreTry(t *testing.T) {
	inWorld(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "Bearer token-1" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		echo(w, r)
	}, func(w *world) {
		w.say(call(1))
		require.Equal(t, result(1), w.hear())
		require.Equal(t, []string{"token-1"}, w.login.reports())
		require.Len(t, w.arrived(), 2)
	})
}

func TestServerThatRefusesEverythingCostsOneRefresh(t *testing.T) {
	inWorld(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token", error_description="wrong audience"`)
		w.WriteHeader(http.StatusUnauthorized)
	}, func(w *world) {
		for i := range 20 {
			w.say(call(i))
			said := w.hear()
			require.Contains(t, said, fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"error":{"code":-32000,`, i))
			require.Contains(t, said, "invalid_token wrong audience")
			require.Contains(t, said, `"reason":"token"`)
			time.Sleep(time.Minute)
		}
		require.Equal(t, []string{"token-1"}, w.login.reports())
		require.Len(t, w.arrived(), 21)
	})
}

func TestDeadLoginAsksNoServer(t *testing.T) {
	inWorld(t, session(echo), func(w *world) {
		w.begin()
		before := len(w.arrived())
		w.login.mu.Lock()
		w.login.problem = errors.New("no token: the issuer refused the login. Next: bezoar login")
		w.login.mu.Unlock()
		for i := range 20 {
			w.say(call(i + 1))
			require.Equal(t, fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"error":{"code":-32000,"message":"no token: the issuer refused the login. Next: bezoar login","data":{"reason":"login"}}}`, i+1), w.hear())
		}
		require.Len(t, w.arrived(), before)
		w.in.Close()
		<-w.ended
		w.ended <- nil
		require.Equal(t, 1, strings.Count(w.log.String(), "Next: bezoar login"), "the log says so once")
	})
}

func TestMissingScopeSaysWhatToDo(t *testing.T) {
	inWorld(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("WWW-Authenticate", `Bearer error="insufficient_scope", scope="files:write"`)
		w.WriteHeader(http.StatusForbidden)
	}, func(w *world) {
		w.say(call(1))
		require.Equal(t, `{"jsonrpc":"2.0","id":1,"error":{"code":-32000,"message":"the server does not let this login do that: it wants the scope files:write. Next: log in with files:write",`+
			`"data":{"reason":"scope","status":403,"scope":"files:write"}}}`, w.hear())
		require.Empty(t, w.login.reports())
		require.Len(t, w.arrived(), 1)
	})
}

func TestRedirectIsNotFollowed(t *testing.T) {
	inWorld(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", "https://thief.example/mcp?secret=1")
		w.WriteHeader(http.StatusTemporaryRedirect)
	}, func(w *world) {
		w.say(call(1))
		said := w.hear()
		require.Contains(t, said, "leads to https://thief.example (status 307)")
		require.NotContains(t, said, "secret")
		for _, each := range w.requests {
			require.Equal(t, server, each.url)
		}
	})
}

func TestServersOwnErrorIsTheAnswer(t *testing.T) {
	inWorld(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusBadRequest)
		w.Write([]byte(`{"jsonrpc":"2.0","id":null,"error":{"code":-32022,"message":"Unsupported","data":{"supported":["2025-11-25"]}}}`))
	}, func(w *world) {
		w.say(call(1))
		require.Equal(t, `{"jsonrpc":"2.0","id":1,"error":{"code":-32022,"message":"Unsupported","data":{"supported":["2025-11-25"]}}}`, w.hear())
	})
}

func TestEveryRequestHasExactlyOneAnswer(t *testing.T) {
	for name, serve := range map[string]http.HandlerFunc{
		"a page": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			w.Write([]byte("<html>"))
		},
		"nothing":    func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusAccepted) },
		"no message": func(w http.ResponseWriter, _ *http.Request) { answer(w, `[1]`) },
		"another's":  func(w http.ResponseWriter, _ *http.Request) { answer(w, result(7)) },
		"an error":   func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) },
		"half":       func(w http.ResponseWriter, _ *http.Request) { answer(w, `{"jsonrpc":`); panic("broken") },
		"no stream":  func(w http.ResponseWriter, _ *http.Request) { stream(w)("") },
		"too long": func(w http.ResponseWriter, _ *http.Request) {
			answer(w, `{"id":1,"result":"`+strings.Repeat("x", 2<<20)+`"}`)
		},
		"long event": func(w http.ResponseWriter, _ *http.Request) { stream(w)("data: " + strings.Repeat("x", 2<<20)) },
		"twice": func(w http.ResponseWriter, _ *http.Request) {
			stream(w)("data: " + result(1) + "\n\ndata: " + result(1) + "\n\n")
		},
		"and more": func(w http.ResponseWriter, r *http.Request) {
			stream(w)("data: " + result(1) + "\n\ndata: {}\n\n")
			wait(r, time.Hour)
		},
		"binary":       func(w http.ResponseWriter, _ *http.Request) { answer(w, "\x00\xff") },
		"gone":         func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusGone) },
		"wrong method": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusMethodNotAllowed) },
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, serve, func(w *world) {
				w.say(call(1))
				require.Contains(t, w.hear(), `"id":1,`)
				w.in.Close()
				_, err := w.out.ReadString('\n')
				require.Error(t, err, "the output ends, and nothing more stands in it")
			})
		})
	}
}

func TestLateAnswersComeAfterTheEndOfTheInput(t *testing.T) {
	inWorld(t, func(w http.ResponseWriter, r *http.Request) {
		wait(r, 3*time.Second)
		echo(w, r)
	}, func(w *world) {
		w.say(call(1))
		w.in.Close()
		require.Equal(t, result(1), w.hear())
	})
	inWorld(t, func(w http.ResponseWriter, r *http.Request) { wait(r, time.Hour) }, func(w *world) {
		w.say(call(1))
		begun := time.Now()
		w.in.Close()
		require.Contains(t, w.hear(), `"reason":"lost"`)
		require.NoError(t, <-w.ended)
		require.Equal(t, 4*time.Second, time.Since(begun))
		w.ended <- nil
	})
}

func TestSignalEndsAtOnce(t *testing.T) {
	inWorld(t, func(w http.ResponseWriter, r *http.Request) { wait(r, time.Hour) }, func(w *world) {
		w.say(call(1))
		synctest.Wait()
		begun := time.Now()
		w.stop()
		require.Contains(t, w.hear(), `"id":1,`)
		require.NoError(t, <-w.ended)
		require.Less(t, time.Since(begun), time.Second)
		w.ended <- nil
	})
}

func TestClientThatDoesNotReadHoldsUpItselfAlone(t *testing.T) {
	long := strings.Repeat("x", 1<<19)
	var said atomic.Int32
	inWorld(t, func(w http.ResponseWriter, r *http.Request) {
		say := stream(w)
		for range 24 {
			said.Add(1)
			say(`data: {"jsonrpc":"2.0","method":"n","params":{"x":"` + long + `"}}` + "\n\n")
		}
	}, func(w *world) {
		w.say(call(1))
		synctest.Wait()
		require.Less(t, said.Load(), int32(16), "the stream waits, for the client reads nothing")
		w.say(call(2))
		synctest.Wait()
		require.Len(t, w.arrived(), 2, "the second request was sent all the same")
		for range 24 {
			require.Contains(t, w.hear(), long)
		}
	})
}

func TestNotificationArrivesBeforeWhatFollowsIt(t *testing.T) {
	inWorld(t, session(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(bodyOf(r), "notifications/slow") {
			wait(r, 2*time.Second)
			w.WriteHeader(http.StatusAccepted)
			return
		}
		echo(w, r)
	}), func(w *world) {
		w.say(initialize, initialized, `{"method":"notifications/slow"}`, call(1)) // without waiting for an answer
		w.hear()
		begun := time.Now()
		require.Equal(t, result(1), w.hear())
		require.Equal(t, 2*time.Second, time.Since(begun))
		require.Equal(t, "s1", w.last().header.Get("Mcp-Session-Id"))
	})
}

func TestTooLongRequestIsAnsweredAsMCPHasIt(t *testing.T) {
	inWorld(t, echo, func(w *world) {
		w.say(`{"jsonrpc":"2.0","id":5,"method":"x","params":"` + strings.Repeat("x", 1<<20) + `"}`)
		require.Contains(t, w.hear(), `{"jsonrpc":"2.0","error":{"code":-32600,`)
		require.Empty(t, w.arrived())
	})
}

func TestTwoRequestsWithOneIDAreTwoAnswers(t *testing.T) {
	inWorld(t, func(w http.ResponseWriter, r *http.Request) {
		wait(r, time.Second)
		echo(w, r)
	}, func(w *world) {
		w.say(call(1), call(1))
		require.Contains(t, w.hear(), `"code":-32600`)
		require.Equal(t, result(1), w.hear())
	})
}

func TestTokenTooNewToBeRefreshedIsNotReportedAgain(t *testing.T) {
	inWorld(t, func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusUnauthorized) }, func(w *world) {
		w.login.isNew = true
		for i := range 5 {
			w.say(call(i))
			require.Contains(t, w.hear(), `"reason":"token"`)
		}
		require.Len(t, w.login.reports(), 1)
		require.Len(t, w.arrived(), 5)
	})
}

// A resource server that was out of order for an hour refuses every token then.
func TestTokenThatCountsAgainIsReportedAgainLater(t *testing.T) {
	status := http.StatusUnauthorized
	inWorld(t, func(w http.ResponseWriter, r *http.Request) {
		if status != http.StatusOK {
			w.WriteHeader(status)
			return
		}
		echo(w, r)
	}, func(w *world) {
		w.say(call(1))
		require.Contains(t, w.hear(), `"reason":"token"`)
		status = http.StatusOK
		w.say(call(2))
		require.Equal(t, result(2), w.hear())
		status = http.StatusUnauthorized
		w.say(call(3))
		require.Contains(t, w.hear(), `"reason":"token"`)
		require.Equal(t, []string{"token-1", "token-2"}, w.login.reports())
	})
}

// lateWriter is a transport whose request is written while its failure is reported already.
type lateWriter struct{ over sync.WaitGroup }

func (l *lateWriter) RoundTrip(r *http.Request) (*http.Response, error) {
	l.over.Go(func() { httptrace.ContextClientTrace(r.Context()).WroteRequest(httptrace.WroteRequestInfo{}) })
	return nil, errors.New("broken")
}

// It is the race detector that fails this test.
func TestRequestMayBeWrittenWhileItsFailureIsReported(t *testing.T) {
	address, err := url.Parse(server)
	require.NoError(t, err)
	var late lateWriter
	var said bytes.Buffer
	proxy := mcp.New(strings.NewReader(call(1)+"\n"), &said, mcp.Options{Server: address, Login: &login{current: "token-1"}, Transport: &late})
	require.NoError(t, proxy.Serve(t.Context()))
	late.over.Wait()
	require.Contains(t, said.String(), `"error"`)
}

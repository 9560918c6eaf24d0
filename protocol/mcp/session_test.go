package mcp_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func count(all []string, part string) (n int) {
	for _, each := range all {
		if strings.Contains(each, part) {
			n++
		}
	}
	return n
}

func TestEndedSessionIsBegunAgainOnceForAll(t *testing.T) {
	inWorld(t, session(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Mcp-Session-Id") == "s1" {
			wait(r, time.Second)
			w.WriteHeader(http.StatusNotFound)
			return
		}
		echo(w, r)
	}), func(w *world) {
		w.begin()
		for i := range 8 {
			w.say(call(i + 1))
		}
		heard := map[string]bool{}
		for range 8 {
			heard[w.hear()] = true
		}
		for i := range 8 {
			require.True(t, heard[result(i+1)])
		}
		require.Equal(t, 2, count(w.arrived(), `"initialize"`))
		require.Equal(t, 2, count(w.arrived(), initialized))
		require.Equal(t, 16, count(w.arrived(), `"tools/call"`))
		for _, each := range w.requests {
			if strings.Contains(each.body, `"initialize"`) {
				require.Empty(t, each.header.Get("Mcp-Session-Id"), "a session is not begun in another one")
			}
		}
	})
}

func TestServerThatEndsEverySessionIsAskedTwice(t *testing.T) {
	inWorld(t, session(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusNotFound) }), func(w *world) {
		w.begin()
		w.say(call(1))
		require.Contains(t, w.hear(), `"reason":"session"`)
		require.Equal(t, 2, count(w.arrived(), `"initialize"`))
		require.Equal(t, 2, count(w.arrived(), `"tools/call"`))
	})
}

func TestUnknownAddressIsNoEndedSession(t *testing.T) {
	inWorld(t, http.NotFound, func(w *world) {
		w.say(call(1))
		require.Contains(t, w.hear(), `"status":404`)
		require.Len(t, w.arrived(), 1)
	})
}

// events counts how often a stream was asked for, and serves it.
func events(serve func(n int, r *http.Request, w http.ResponseWriter)) http.HandlerFunc {
	asked := 0
	other := session(echo)
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet {
			other(w, r)
			return
		}
		asked++
		serve(asked, r, w)
	}
}

func TestServerSpeaksByItselfAndIsAnswered(t *testing.T) {
	inWorld(t, events(func(n int, r *http.Request, w http.ResponseWriter) {
		say := stream(w)
		say("id: a\ndata: {\"jsonrpc\":\"2.0\",\"id\":\"q\",\"method\":\"roots/list\"}\n\n")
		<-r.Context().Done()
	}), func(w *world) {
		w.begin()
		require.Equal(t, `{"jsonrpc":"2.0","id":"q","method":"roots/list"}`, w.hear())
		w.say(`{"jsonrpc":"2.0","id":"q","result":{"roots":[]}}`)
		synctest.Wait()
		require.Equal(t, `POST {"jsonrpc":"2.0","id":"q","result":{"roots":[]}}`, w.arrived()[len(w.arrived())-1])
	})
}

func TestOwnStreamGoesOnBehindItsLastEvent(t *testing.T) {
	var asked []time.Time
	inWorld(t, events(func(n int, r *http.Request, w http.ResponseWriter) {
		asked = append(asked, time.Now())
		say := stream(w)
		switch n {
		case 1:
			say("id: a\nretry: 90000\ndata: {\"jsonrpc\":\"2.0\",\"method\":\"one\"}\n\n")
		case 2:
			say("data: {\"jsonrpc\":\"2.0\",\"method\":\"" + r.Header.Get("Last-Event-Id") + "\"}\n\n")
			<-r.Context().Done()
		}
	}), func(w *world) {
		w.begin()
		require.Contains(t, w.hear(), `"one"`)
		require.Contains(t, w.hear(), `"a"`)
		waited := asked[1].Sub(asked[0])
		require.GreaterOrEqual(t, waited, 90*time.Second, "the server asked for that")
		require.LessOrEqual(t, waited, 113*time.Second)
	})
}

func TestServerThatClosesItsStreamIsAskedRarely(t *testing.T) {
	inWorld(t, events(func(n int, r *http.Request, w http.ResponseWriter) { stream(w)("") }), func(w *world) {
		w.begin()
		time.Sleep(time.Hour)
		gets := count(w.arrived(), "GET")
		require.Greater(t, gets, 30)
		require.Less(t, gets, 80)
	})
}

func TestStreamThatBringsSomethingIsOpenedAgainSoon(t *testing.T) {
	inWorld(t, events(func(n int, r *http.Request, w http.ResponseWriter) { stream(w)("id: " + fmt.Sprint(n) + "\n\n") }), func(w *world) {
		w.begin()
		time.Sleep(time.Minute)
		require.Greater(t, count(w.arrived(), "GET"), 20)
	})
}

func TestConnectionEndsSoonBehindItsAnswer(t *testing.T) {
	var ended atomic.Int64
	inWorld(t, func(w http.ResponseWriter, r *http.Request) {
		stream(w)("data: " + result(1) + "\n\n")
		<-r.Context().Done()
		ended.Store(time.Now().UnixNano())
	}, func(w *world) {
		w.say(call(1))
		w.hear()
		begun := time.Now()
		time.Sleep(time.Minute)
		require.Equal(t, begun.Add(time.Second).UnixNano(), ended.Load())
	})
}

func TestBrokenAnswerIsResumedAndNotAskedForAgain(t *testing.T) {
	tries := 0
	inWorld(t, func(w http.ResponseWriter, r *http.Request) {
		switch tries++; {
		case r.Method == http.MethodPost:
			stream(w)("id: p1\ndata: \n\nid: p2\ndata: {\"jsonrpc\":\"2.0\",\"method\":\"progress\"}\n\ndata: {\"jsonrpc\":\"2.0\",\"id\":1,\"res")
			panic("broken")
		case tries == 2:
			w.WriteHeader(http.StatusServiceUnavailable)
		case tries == 3:
			stream(w)("")
		default:
			stream(w)("id: p3\ndata: {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":\"" + r.Header.Get("Last-Event-Id") + "\"}\n\n")
		}
	}, func(w *world) {
		w.say(call(1))
		require.Contains(t, w.hear(), "progress")
		require.Equal(t, `{"jsonrpc":"2.0","id":1,"result":"p2"}`, w.hear())
		require.Equal(t, 1, count(w.arrived(), "POST"))
	})
}

func TestBrokenAnswerWithoutNamesIsLost(t *testing.T) {
	inWorld(t, func(w http.ResponseWriter, r *http.Request) {
		stream(w)("data: {\"jsonrpc\":\"2.0\",\"method\":\"progress\"}\n\n")
		panic("broken")
	}, func(w *world) {
		w.say(call(1))
		w.hear()
		require.Contains(t, w.hear(), `"reason":"lost"`)
		require.Len(t, w.arrived(), 1)
	})
}

func TestAnswerThatNeverComesIsGivenUp(t *testing.T) {
	inWorld(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			stream(w)("id: p1\ndata: \n\n")
			return
		}
		stream(w)("")
	}, func(w *world) {
		w.say(call(1))
		require.Contains(t, w.hear(), `"reason":"lost"`)
		require.LessOrEqual(t, count(w.arrived(), "GET"), 5)
	})
}

func TestCancelledRequestHasNoAnswer(t *testing.T) {
	const cancel = `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}`
	slow := func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(bodyOf(r), "cancelled") {
			w.WriteHeader(http.StatusAccepted)
			return
		}
		if strings.Contains(bodyOf(r), `"id":1`) {
			select {
			case <-r.Context().Done():
				panic("gone")
			case <-time.After(time.Second):
			}
		}
		echo(w, r)
	}
	inWorld(t, session(slow), func(w *world) {
		w.begin()
		w.say(call(1), cancel)
		time.Sleep(2 * time.Second)
		w.say(call(2))
		require.Equal(t, result(2), w.hear())
		require.Equal(t, 1, count(w.arrived(), "cancelled"), "the server hears of it")
	})
	inWorld(t, slow, func(w *world) {
		w.say(modern(1, "tools/call", `"name":"add"`))
		synctest.Wait()
		w.say(cancel)
		time.Sleep(2 * time.Second)
		w.say(modern(2, "tools/call", `"name":"add"`))
		require.Equal(t, result(2), w.hear())
		require.Zero(t, count(w.arrived(), "cancelled"), "the end of the connection says so")
	})
}

func modern(id int, method, params string) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":%q,"params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"},%s}}`, id, method, params)
}

func TestRequestThatStandsForItselfIsInItsHeaders(t *testing.T) {
	inWorld(t, session(echo), func(w *world) {
		w.begin()
		for method, row := range map[string][2]string{
			"tools/call":     {`"name":"add"`, "add"},
			"resources/read": {`"uri":"file:///x y"`, "file:///x y"},
			"prompts/get":    {`"name":"grüße"`, "=?base64?Z3LDvMOfZQ==?="},
			"tools/list":     {`"name":"add"`, ""},
		} {
			w.say(modern(1, method, row[0]))
			require.Equal(t, result(1), w.hear())
			h := w.last().header
			require.Equal(t, "2026-07-28 "+method+" "+row[1], h.Get("Mcp-Protocol-Version")+" "+h.Get("Mcp-Method")+" "+h.Get("Mcp-Name"))
			require.Empty(t, h.Get("Mcp-Session-Id"))
		}
	})
}

func TestToolsHaveTheirArgumentsInHeaders(t *testing.T) {
	const tools = `{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"sql","inputSchema":{"type":"object","properties":{
		"region":{"type":"string","x-mcp-header":"Region"},"deep":{"type":"object","properties":{"n":{"type":"integer","x-mcp-header":"N"}}},
		"no":{"type":"string","x-mcp-header":"not a token"},"b":{"type":"boolean","x-mcp-header":"B"},"missing":{"x-mcp-header":"Missing"},"f":{"x-mcp-header":"F"}}}}]}}`
	inWorld(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(bodyOf(r), "tools/list") {
			answer(w, tools)
			return
		}
		echo(w, r)
	}, func(w *world) {
		w.say(modern(1, "tools/list", `"x":1`))
		w.hear()
		w.say(modern(2, "tools/call", `"name":"sql","arguments":{"region":" padded ","deep":{"n":42},"no":"x","b":true,"f":1.5}`))
		w.hear()
		params := map[string]string{}
		for name, values := range w.last().header {
			if strings.HasPrefix(name, "Mcp-Param-") {
				params[name] = values[0]
			}
		}
		require.Equal(t, map[string]string{"Mcp-Param-Region": "=?base64?IHBhZGRlZCA=?=", "Mcp-Param-N": "42", "Mcp-Param-B": "true"}, params)
	})
}

func TestServerThatEndsASessionAsItBeginsHoldsUpNoMessage(t *testing.T) {
	inWorld(t, session(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusNotFound) }), func(w *world) {
		w.begin()
		inner := w.handler
		w.handler = func(to http.ResponseWriter, r *http.Request) {
			if bodyOf(r) == initialized {
				to.WriteHeader(http.StatusNotFound)
				return
			}
			inner(to, r)
		}
		for i := range 2 {
			w.say(call(i + 1))
			require.Contains(t, w.hear(), `"reason":"session"`)
		}
	})
}

package fronts

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

var seeds = []string{
	`{"id":1,"method":"thread/list","params":{}}`, `{"id":"x\u0031","method":"no/such", "params":null,"trace":[1]}`, ` {"method":"initialized"} `,
	`{"id":2,"method":"getAuthStatus","params":{}}` + "\n" + `{"id":2,"method":"turn/start","params":{"threadId":"t"}}` + "\r\n\n" + `{"id":3,"result":null}`,
	`{"id":3,"method":"account/logout"}` + "\n" + `{"id":4,"method":"turn/start"}` + "\n" + `{"id":5,"method":"thread/list"}`,
	`{"id":"front/1","method":"thread/list"}`, `{"id":"\u0066ront/1","method":"thread/list"}`, `{"id":"front/1","result":1}`, `{"id":"bezoar-1","result":1}`,
	`{"id":0,"method":""}`, `{"id":1,"id":2,"method":"x"}`, `{"id":1.5,"method":"x"}`, `{"id":-0,"method":"x"}`, `{"id":9223372036854775807,"method":"x"}`, `{"id":1e2,"method":"x"}`,
	`{"id":null,"method":"x"}`, `[]`, `{"method":1}`, "{\"method\":\"\xff\"}", `{"id":1,"result":{},"error":null}`, `{"id":1,"error":{"code":-1,"message":"m"}}`,
	`{"id":1,"error":"m"}`, `{"method":"x","params":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}`,
	`{"method":"account/updated","params":{}}`, `{"method":"error","params":{"error":{"message":"m"}}}`,
	`{"method":"error","params":{"error":{"message":"auth refresh request failed: code=-32000"}}}`,
	`{"id":1,"method":"account/chatgptAuthTokens/refresh","params":{}}`, `{"id":"bezoar-1","method":"item/tool/call"}`, `{"id":1,"result":` + "\n" + `{"id":1,"result":2}`,
}

// mostFuzzed is the length of the longest input: longer ones show nothing that shorter ones
// do not.
const mostFuzzed = 1 << 14

// FuzzLinesOfTheClient writes bytes for the client, and demands that what is a message by
// encoding/json comes to its end, once, in its order and with its bytes; that each request
// has one answer; and that nothing else comes.
func FuzzLinesOfTheClient(f *testing.F) {
	for _, each := range seeds {
		f.Add([]byte(each))
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		if len(input) > mostFuzzed {
			return
		}
		synctest.Test(t, func(t *testing.T) {
			w := openWires(t, true)
			w.send(w.input, string(input)+"\n")
			time.Sleep(time.Minute) // for what waits for a server
			synctest.Wait()
			want := routeOfClient(input)
			require.Equal(t, want.answers, w.childHeard(func(m meaning) bool { return m.kind == "answer" }))
			require.Equal(t, want.lines, w.childHeard(func(m meaning) bool {
				return m.kind != "answer" && !(want.changesLogin && needsLogin[m.method])
			}))
			asked := map[string]int{}
			for _, line := range w.clientHeard() {
				if m := meaningOf([]byte(line)); m.kind == "answer" {
					asked[m.id]++
				}
			}
			require.Equal(t, want.asked, asked)
			w.close()
		})
	})
}

// route is what becomes of the client's bytes.
type route struct {
	lines        []string // requests and notifications for the child
	answers      []string // for the child
	asked        map[string]int
	changesLogin bool // then turns may be refused, and are not among lines
}

func routeOfClient(input []byte) route {
	r := route{asked: map[string]int{}}
	for line := range bytes.SplitSeq(input, []byte("\n")) {
		m := meaningOf(line)
		r.changesLogin = r.changesLogin || m.kind == "request" && changesLogin[m.method]
	}
	for line := range bytes.SplitSeq(input, []byte("\n")) {
		m, text := meaningOf(line), string(bytes.TrimRight(line, "\r\n"))
		isTaken := strings.HasPrefix(m.name, "front/")
		switch m.kind {
		case "request":
			r.asked[m.id]++
			if !answeredHere[m.method] && !isTaken && !(r.changesLogin && needsLogin[m.method]) {
				r.lines = append(r.lines, text)
			}
		case "notification":
			r.lines = append(r.lines, text)
		case "answer":
			if !strings.HasPrefix(m.name, "bezoar-") {
				r.answers = append(r.answers, text)
			}
		}
	}
	return r
}

// FuzzLinesOfTheChild writes bytes for the child, which three requests wait for.
func FuzzLinesOfTheChild(f *testing.F) {
	for _, each := range seeds {
		f.Add([]byte(each))
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		if len(input) > mostFuzzed {
			return
		}
		synctest.Test(t, func(t *testing.T) {
			w := openWires(t, false)
			open := map[string]bool{}
			for _, id := range []string{"1", "2", `"a"`} {
				open[id] = true
				w.send(w.input, fmt.Sprintf(`{"id":%s,"method":"thread/list"}`+"\n", id))
			}
			synctest.Wait()
			w.send(w.ofChild, string(input)+"\n")
			synctest.Wait()
			heard := w.clientHeard()
			for line := range bytes.SplitSeq(input, []byte("\n")) {
				heard = w.requireHandedOn(t, line, open, heard)
			}
			require.Empty(t, heard, "the client hears what the child has not said")
			w.close()
		})
	})
}

// requireHandedOn takes what a line of the child leads to off what the client has heard.
func (w *wires) requireHandedOn(t *testing.T, line []byte, open map[string]bool, heard []string) []string {
	m, text := meaningOf(line), string(bytes.TrimRight(line, "\r\n"))
	isHandedOn, isChanged := false, false
	switch m.kind {
	case "answer":
		isHandedOn = open[m.id]
		delete(open, m.id)
	case "request":
		isHandedOn = m.method != "account/chatgptAuthTokens/refresh" && !strings.HasPrefix(m.name, "bezoar-")
	case "notification":
		isHandedOn = m.method != "account/updated" && m.method != "account/login/completed"
		isChanged = strings.Contains(text, "auth refresh request ") && (m.method == "error" || m.method == "turn/completed")
	default: // one that may have been the answer to a request has an error in its place
		if len(heard) == 0 || !strings.Contains(heard[0], "cannot be handed on") {
			return heard
		}
		failed := meaningOf([]byte(heard[0]))
		require.True(t, open[failed.id], "an error for what was not asked: %s", heard[0])
		delete(open, failed.id)
		return heard[1:]
	}
	if !isHandedOn {
		return heard
	}
	require.NotEmpty(t, heard, "the client does not hear %q", text)
	if isChanged {
		require.Equal(t, m.method, meaningOf([]byte(heard[0])).method)
		return heard[1:]
	}
	require.Equal(t, text, heard[0])
	return heard[1:]
}

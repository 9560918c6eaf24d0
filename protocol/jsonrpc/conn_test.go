package jsonrpc

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"
)

// poll is the request of a client that polls.
const poll = `{"id":%d,"method":"getAuthStatus","params":{"includeToken":true,"refreshToken":false}}` + "\n"

func polls(n int) string {
	var lines strings.Builder
	for id := range n {
		fmt.Fprintf(&lines, poll, id)
	}
	return lines.String()
}

// status is an answer of 100 bytes.
func status(id int) string {
	head := fmt.Sprintf(`{"id":%d,"result":"`, id)
	return head + strings.Repeat("x", 100-len(head)-len("\"}\n")) + `"}`
}

// answerStatus answers with status.
func answerStatus(c *Conn, r Request) {
	c.ReplyAppend(r.ID, func(line []byte) []byte {
		const head = len(`{"id":,"result":""}` + "\n")
		line = append(line, '"')
		line = append(line, strings.Repeat("x", 100-head-len(r.ID.appendTo(nil)))...)
		return append(line, '"')
	})
}

func requireStatuses(t *testing.T, n int, answers []string) {
	t.Helper()
	require.Len(t, answers, n)
	for id, answer := range answers {
		if answer != status(id) {
			require.Equal(t, status(id), answer)
		}
	}
}

func TestOddLinesGetNoReplyAndTheServerLivesOn(t *testing.T) {
	for _, o := range odd {
		answers := exchange(t, strings.NewReader(o.line+"\n"+`{"id":"next","method":"m"}`), func(c *Conn, r Request) {
			c.ReplyRaw(r.ID, json.RawMessage("{}"))
		})
		want := []string{`{"id":"next","result":{}}`}
		if strings.HasPrefix(o.want, "request ") {
			require.Len(t, answers, 2, o.line)
			answers = answers[1:]
		}
		require.Equal(t, want, answers, o.line)
	}
}

func TestDroppedLinesAreLoggedWithoutTheirContent(t *testing.T) {
	var log bytes.Buffer
	input := `{"id":1,"method":5,"params":"hunter2"}` + "\n" + `hunter2` + "\n" + `{"id":9,"result":"hunter2"}` + "\n" +
		"\n" + `{"method":"long","params":"hunter2 hunter2 hunter2"}`
	c := New(strings.NewReader(input), io.Discard, Options{
		Log:            slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		LineLimitBytes: 40,
	})
	require.NoError(t, c.Serve(handler{}))
	c.Reply(ID{}, func() { _ = "hunter2" })
	c.Notify("m", math.NaN())
	require.Equal(t, 6, strings.Count(log.String(), "\n"), log.String())
	for _, length := range []string{"bytes=39", "bytes=8", "bytes=28", "bytes=52"} {
		require.Contains(t, log.String(), length)
	}
	require.NotContains(t, log.String(), "hunter2")
}

func TestMessagesAreHandedOverInTheOrderTheyCame(t *testing.T) {
	var seen []string
	c := New(strings.NewReader("{\"method\":\"a\"}\r\n\r\n  {\"id\":1,\"method\":\"b\"}\n{\"method\":\"c\",\"params\":{}}"), io.Discard, Options{})
	err := c.Serve(handler{
		request:      func(_ *Conn, r Request) { seen = append(seen, r.Method) },
		notification: func(_ *Conn, n Notification) { seen = append(seen, n.Method+string(n.Params)) },
	})
	require.NoError(t, err)
	require.Equal(t, []string{"a", "b", "c{}"}, seen)
}

func TestEncodedMessages(t *testing.T) {
	for want, say := range map[string]func(*Conn, ID){
		`{"id":7,"result":{"a":"<&>\n"}}`: func(c *Conn, id ID) { c.Reply(id, map[string]string{"a": "<&>\n"}) },
		`{"id":7,"result":null}`:          func(c *Conn, id ID) { c.Reply(id, nil) },
		`{"id":7,"result":[1]}`:           func(c *Conn, id ID) { c.Reply(id, json.RawMessage("[\n1\n]")) },
		`{"id":7,"result":[  1 ]}`:        func(c *Conn, id ID) { c.ReplyRaw(id, json.RawMessage("[\n\n1\n]")) },
		`{"error":{"code":-32600,"message":"<"},"id":7}`: func(c *Conn, id ID) {
			c.ReplyError(id, &Error{Code: CodeInvalidRequest, Message: "<"})
		},
		`{"error":{"code":-32603,"message":"internal error"},"id":7}`: func(c *Conn, id ID) { c.Reply(id, make(chan int)) },
		`{"method":"m","params":{"a":"<"},"emittedAtMs":1700000000123}`: func(c *Conn, _ ID) {
			c.Notify("m", map[string]string{"a": "<"})
		},
		`{"method":"m","emittedAtMs":1700000000123}`: func(c *Conn, _ ID) { c.Notify("m", nil) },
	} {
		var output bytes.Buffer
		c := New(strings.NewReader(`{"id":7,"method":"m"}`), &output, Options{Now: func() time.Time { return time.UnixMilli(1700000000123) }})
		require.NoError(t, c.Serve(handler{c: c, request: func(c *Conn, r Request) { say(c, r.ID) }}))
		require.NoError(t, c.Close(t.Context()))
		require.Equal(t, want+"\n", output.String())
	}
}

func TestHugeLinesAndIDsAreFine(t *testing.T) {
	id := `"` + strings.Repeat("i", 1_000_000) + `"`
	params := `{"a":"` + strings.Repeat("p", 12<<20) + `"}`
	input := `{"id":` + id + `,"method":"m"}` + "\n" + `{"id":1,"method":"m","params":` + params + "}\n" + `{"id":2,"method":"m","params":{}}`
	answers := exchange(t, strings.NewReader(input), func(c *Conn, r Request) { c.Reply(r.ID, len(r.Params)) })
	require.Equal(t, []string{`{"id":` + id + `,"result":0}`, fmt.Sprintf(`{"id":1,"result":%d}`, len(params)), `{"id":2,"result":2}`}, answers)
}

func TestHugeLineDoesNotKeepItsMemory(t *testing.T) {
	p := connect(t, Options{}, func(c *Conn, r Request) { c.ReplyRaw(r.ID, r.Params) })
	p.send(polls(1))
	p.line()
	runtime.GC() // a sync.Pool keeps what an earlier test left through one collection
	before := heapBytes()
	go p.send(`{"id":1,"method":"m","params":"` + strings.Repeat("p", 12<<20) + `"}` + "\n")
	require.Greater(t, len(p.line()), 12<<20)
	p.send(polls(1))
	p.line()
	require.InDelta(t, before, heapBytes(), 1<<20)
	p.end()
}

func TestLineBeyondTheLimitIsSkippedWithoutBufferingIt(t *testing.T) {
	var output bytes.Buffer
	input := io.MultiReader(strings.NewReader(`{"method":"`), io.LimitReader(letters{}, 200<<20), strings.NewReader("\"}\n"+polls(1)),
		io.LimitReader(letters{}, 200<<20)) // the second one is the last line
	c := New(input, &output, Options{LineLimitBytes: 1 << 20})
	before := allocatedBytes()
	require.NoError(t, c.Serve(handler{c: c, request: answerStatus, notification: func(*Conn, Notification) { t.Error("taken up") }}))
	require.Less(t, allocatedBytes()-before, uint64(20<<20))
	require.NoError(t, c.Close(t.Context()))
	require.Equal(t, status(0)+"\n", output.String())
}

func TestLineAtTheLimitIsTakenUp(t *testing.T) {
	for _, padding := range []int{0, readBytes - 20, readBytes, 3*readBytes + 1} {
		line := `{"method":"m"` + strings.Repeat(" ", padding) + "}\n"
		for limit, want := range map[int]int{len(line): 2, len(line) - 1: 0} {
			seen := 0
			c := New(strings.NewReader(line+line), io.Discard, Options{LineLimitBytes: limit})
			require.NoError(t, c.Serve(handler{notification: func(*Conn, Notification) { seen++ }}))
			require.Equal(t, want, seen, "a line of %d bytes, limit %d", len(line), limit)
		}
	}
}

func TestFailedReadEndsServeAndHalfALineIsNotTakenUp(t *testing.T) {
	broken := errors.New("broken")
	input := io.MultiReader(strings.NewReader(polls(1)+`{"id":1,"method":"m"}`), iotest.ErrReader(broken))
	var output bytes.Buffer
	c := New(input, &output, Options{})
	require.ErrorIs(t, c.Serve(handler{c: c, request: answerStatus}), broken)
	require.NoError(t, c.Close(t.Context()))
	require.Equal(t, status(0)+"\n", output.String())
}

func TestPollCostsNoAllocation(t *testing.T) {
	c := New(strings.NewReader(""), io.Discard, Options{})
	result := []byte(`{"authMethod":"apikey","authToken":"sk-test-key","requiresOpenaiAuth":true}`)
	c.handler = handler{c: c, request: func(c *Conn, r Request) {
		c.ReplyAppend(r.ID, func(line []byte) []byte { return append(line, result...) })
	}}
	line := fmt.Appendf(nil, poll, math.MaxInt64)
	require.Zero(t, testing.AllocsPerRun(1000, func() {
		c.out.begin()
		c.handle(line)
		c.flush(false)
	}))
}

// letters is input without a newline and without an end.
type letters struct{}

func (letters) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

func allocatedBytes() uint64 {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.TotalAlloc
}

func heapBytes() uint64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

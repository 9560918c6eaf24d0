package jsonrpc

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// proxy is a handler of everything.
type proxy struct {
	mu      sync.Mutex
	lines   []string
	dropped []Dropped
}

func (p *proxy) note(kind string, line []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lines = append(p.lines, kind+" "+string(line))
}

func (p *proxy) Request(r Request)           { p.note("request", r.Line) }
func (p *proxy) Notification(n Notification) { p.note("notification", n.Line) }
func (p *proxy) Answer(a Answer)             { p.note("answer "+a.ID.String(), a.Line) }

func (p *proxy) Dropped(d Dropped) {
	p.mu.Lock()
	defer p.mu.Unlock()
	d.Head = bytes.Clone(d.Head)
	p.dropped = append(p.dropped, d)
}

// between serves a connection for a proxy.
func between(o Options) (p *proxy, c *Conn, input *io.PipeWriter, output *io.PipeReader) {
	r, input := io.Pipe()
	output, w := io.Pipe()
	p, c = new(proxy), New(r, w, o)
	go func() { _ = c.Serve(p) }()
	return p, c, input, output
}

func TestAProxyGetsTheLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, c, input, output := between(Options{CallPrefix: "mine/"})
		defer output.Close()
		go io.Copy(io.Discard, output)
		got := make(chan string, 1)
		go func() {
			result, _ := c.Call(t.Context(), "m", nil)
			got <- string(result)
		}()
		synctest.Wait()
		io.WriteString(input, ` {"id" : 1,"method":"a"} `+"\r\n"+`{"method":"b"}`+"\n"+`{"id":"x","result":[1]}`+"\n"+
			`{"id":"mine/0","result":"yes"}`+"\n"+`{"id":"mine/0","result":"no"}`+"\n"+`{"id":2,"error":{"code":1,"message":"m"}}`)
		input.Close()
		synctest.Wait()
		require.Equal(t, `"yes"`, <-got)
		require.Equal(t, []string{
			`request  {"id" : 1,"method":"a"} `, `notification {"method":"b"}`, `answer "x" {"id":"x","result":[1]}`,
			`answer "mine/0" {"id":"mine/0","result":"no"}`, `answer 2 {"id":2,"error":{"code":1,"message":"m"}}`,
		}, p.lines)
	})
}

func TestAnAnswerIsHandledBeforeTheLineBehindIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, c, input, output := between(Options{})
		defer output.Close()
		go io.Copy(io.Discard, output)
		_, err := c.Begin("m", nil, func(a Answer) { p.note("mine", a.Result) })
		require.NoError(t, err)
		forget, err := c.Begin("m", nil, func(a Answer) { p.note("forgotten", a.Result) })
		require.NoError(t, err)
		forget()
		io.WriteString(input, `{"id":1,"result":1}`+"\n"+`{"id":0,"result":0}`+"\n"+`{"method":"b"}`+"\n")
		input.Close()
		synctest.Wait()
		require.Equal(t, []string{`answer 1 {"id":1,"result":1}`, "mine 0", `notification {"method":"b"}`}, p.lines)
		_, err = c.Begin("m", func() {}, nil)
		require.Error(t, err)
	})
}

func TestAConnectionThatReadsOnNeverWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, c, input, output := between(Options{QueueLimitBytes: 10, ReadsOn: true})
		defer output.Close()
		for range 10 {
			c.Pass([]byte(`{"method":"to a child that does not read"}`))
		}
		io.WriteString(input, `{"method":"a"}`+"\n")
		synctest.Wait()
		require.Len(t, p.lines, 1)
		waited := make(chan bool)
		go func() { c.AwaitRoom(); close(waited) }()
		synctest.Wait()
		select {
		case <-waited:
			require.Fail(t, "there is no room")
		default:
		}
		go io.Copy(io.Discard, output)
		<-waited
		require.NoError(t, c.Flush(t.Context()))
		input.Close()
	})
}

func TestAConnectionThatReadsOnHearsTheDyingOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, input := io.Pipe()
		output, w := io.Pipe()
		p, c := new(proxy), New(r, w, Options{ReadsOn: true})
		served := make(chan error, 1)
		go func() { served <- c.Serve(p) }()
		output.Close()
		c.Pass([]byte(`{}`))
		synctest.Wait()
		io.WriteString(input, `{"method":"last words"}`+"\n")
		synctest.Wait()
		require.Equal(t, []string{`notification {"method":"last words"}`}, p.lines)
		begun := time.Now()
		require.ErrorContains(t, <-served, "write output")
		require.Equal(t, time.Second, time.Since(begun))
		require.Error(t, c.Flush(t.Context()))
		input.Close()
	})
}

func TestAnEndlessLineIsReportedOnceAndNotKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		p, c, input, output := between(Options{LineLimitBytes: 1 << 20, Log: slog.New(slog.NewTextHandler(&log, nil))})
		defer output.Close()
		io.WriteString(input, `{"id":7,"result":"`)
		for range 64 {
			io.WriteString(input, strings.Repeat("x", 1<<16))
		}
		synctest.Wait()
		require.Len(t, p.dropped, 1)
		id, ok := AnswerID(p.dropped[0].Head)
		require.True(t, ok)
		require.Equal(t, "7", id.String())
		require.LessOrEqual(t, len(p.dropped[0].Head), headBytes)
		io.WriteString(input, "\"}\n"+`{"method":"a"}`+"\n")
		input.Close()
		synctest.Wait()
		require.Equal(t, []string{`notification {"method":"a"}`}, p.lines)
		require.Len(t, p.dropped, 1)
		require.Equal(t, 1, strings.Count(log.String(), "line dropped"))
		require.LessOrEqual(t, cap(c.in.long), keepBytes)
	})
}

func TestATooLongRequestIsAnsweredOnce(t *testing.T) {
	const limit = 1 << 20
	for length, wanted := range map[int]int{limit: 1, 5 * limit: 1, limit / 2: 0} {
		synctest.Test(t, func(t *testing.T) {
			p, _, input, output := between(Options{LineLimitBytes: limit})
			var said bytes.Buffer
			copied := make(chan struct{})
			go func() {
				defer close(copied)
				_, _ = io.Copy(&said, output)
			}()
			io.WriteString(input, `{"jsonrpc":"2.0","id":"a","method":"m","params":"`+strings.Repeat("x", length)+"\"}\n")
			io.WriteString(input, `{"method":"m","params":"`+strings.Repeat("x", length)+"\"}\n"+`{"method":"a"}`+"\n")
			input.Close()
			synctest.Wait()
			output.Close()
			<-copied
			require.Equal(t, wanted, strings.Count(said.String(), `{"error":{"code":-32600,"message":"the request is too long: `), said.String())
			require.Equal(t, wanted, strings.Count(said.String(), `and it may have 1048576"},"id":"a"}`), said.String())
			require.Len(t, p.dropped, 2*wanted)
			for _, each := range p.dropped {
				require.True(t, each.IsTooLong)
			}
			require.Equal(t, `notification {"method":"a"}`, p.lines[len(p.lines)-1])
		})
	}
}

func TestAStreamOfGarbageFillsNoLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		p, _, input, output := between(Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
		defer output.Close()
		for range 100 {
			io.WriteString(input, strings.Repeat("garbage\n", 100))
		}
		input.Close()
		synctest.Wait()
		require.Len(t, p.dropped, 10_000)
		require.Less(t, strings.Count(log.String(), "\n"), 30)
	})
}

func TestTornLineShowsItsIDAndWhatItIs(t *testing.T) {
	for head, want := range map[string]string{
		`{"id":1,"result":{"a":"xx`:              "answer 1",
		`{"id":"a b","error":{`:                  `answer "a b"`,
		`{"id":1,"method":"a","params":{"x`:      "request 1",
		`{"method":"a" , "id":"b" , "params":{"`: `request "b"`,
		`{"id":1,"params":{"x`:                   "request 1",
		`{"id":1, "method":"x`:                   "request 1",
		`{"method":"a","params":{"x`:             "",
		`{"method":"a","id":2`:                   "",
		`{"result":1,"id":2`:                     "",
		`{"id":`:                                 "",
		``:                                       "",
		`[1`:                                     "",
		`{"id":1.5,"result":`:                    "",
		`{"id":null,"method":"a","params":{"x`:   "",
	} {
		said := ""
		if id, ok := AnswerID([]byte(head)); ok {
			said += "answer " + id.String()
		}
		if id, ok := requestID([]byte(head)); ok {
			said += "request " + id.String()
		}
		require.Equal(t, want, said, head)
	}
}

func TestIDHasPrefix(t *testing.T) {
	for text, want := range map[string]bool{`"front/1"`: true, `"front\/1"`: true, `"\u0066ront/"`: true, `"fron"`: false, `1`: false, `"xfront/"`: false} {
		id, ok := parseID([]byte(text))
		require.True(t, ok)
		require.Equal(t, want, id.HasPrefix("front/"), text)
	}
}

func TestALongLineIsWhole(t *testing.T) {
	for _, size := range []int{readBytes - 1, readBytes, readBytes + 1, keepBytes - 1, keepBytes + 1, 4*keepBytes + 7} {
		var text strings.Builder
		for n := 0; text.Len() < size; n++ {
			fmt.Fprintf(&text, "%d ", n)
		}
		l := newLines(strings.NewReader(text.String()+"\nshort\n"+text.String()), 64<<20, nil)
		for _, want := range []string{text.String() + "\n", "short\n", text.String()} {
			line, err := l.next()
			require.NoError(t, err)
			require.True(t, want == string(line), "%d bytes", size)
		}
	}
}

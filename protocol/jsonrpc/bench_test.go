package jsonrpc

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
)

var statusResult = []byte(`{"authMethod":"apikey","authToken":"sk-test-key","requiresOpenaiAuth":true}`)

func replyStatus(c *Conn, r Request) {
	c.ReplyAppend(r.ID, func(line []byte) []byte { return append(line, statusResult...) })
}

func BenchmarkParsePoll(b *testing.B) {
	line := fmt.Appendf(nil, poll, 12345)
	b.Run("own", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := parse(line); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("encoding/json", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var m struct {
				ID             json.RawMessage
				Method         string
				Params, Result json.RawMessage
				Error          *Error
			}
			if err := json.Unmarshal(line, &m); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkReply(b *testing.B) {
	c := New(strings.NewReader(""), io.Discard, Options{})
	reply := func(b *testing.B, reply func()) {
		b.ReportAllocs()
		for b.Loop() {
			c.out.begin()
			reply()
			_, _ = c.out.flush(true, nil)
		}
	}
	b.Run("append", func(b *testing.B) { reply(b, func() { replyStatus(c, Request{ID: ID{integer: 12345}}) }) })
	b.Run("encoding/json", func(b *testing.B) {
		type status struct {
			AuthMethod, AuthToken string
			RequiresOpenaiAuth    bool
		}
		reply(b, func() { c.Reply(ID{integer: 12345}, status{"apikey", "sk-test-key", true}) })
	})
}

// BenchmarkLoop is a request and its answer over pipes: one after the other,
// and 64 in flight.
func BenchmarkLoop(b *testing.B) {
	for _, kind := range []string{"io.Pipe", "os.Pipe"} {
		for _, window := range []int{1, 64} {
			b.Run(fmt.Sprintf("%s/window=%d", kind, window), func(b *testing.B) {
				b.ReportAllocs()
				loop(b, kind == "os.Pipe", window)
			})
		}
	}
}

func loop(b *testing.B, fromSystem bool, window int) {
	r, in := pipe(b, fromSystem)
	out, w := pipe(b, fromSystem)
	c := New(r, w, Options{})
	go c.Serve(handler{c: c, request: replyStatus}) //nolint:errcheck
	lines := bufio.NewReaderSize(out, 64<<10)
	batch := []byte(polls(window))
	answered := 0
	for b.Loop() {
		if answered%window == 0 {
			if _, err := in.Write(batch); err != nil {
				b.Fatal(err)
			}
		}
		if _, err := lines.ReadSlice('\n'); err != nil {
			b.Fatal(err)
		}
		answered++
	}
	in.Close()
	// One Read may end within a line.
	go io.Copy(io.Discard, lines) //nolint:errcheck
	if err := c.Close(b.Context()); err != nil {
		b.Fatal(err)
	}
	w.Close()
}

func pipe(b *testing.B, fromSystem bool) (io.Reader, io.WriteCloser) {
	if !fromSystem {
		return io.Pipe()
	}
	r, w, err := os.Pipe()
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { r.Close() })
	return r, w
}
